"""Hostile peers never stop the desk that is paying: a payment goes through while each is at work.

The bounds that hold them: frames.TCP_BODY_BYTES, tcp.READ_BYTES, tcp.WRITE_LIMIT_BYTES,
tcp.HANDSHAKES, tcp.HANDSHAKE_S, link.MAX_CONNECTIONS, link.MAX_STRANGERS, link.HELLO_S,
peer.QUESTIONS, session.QUEUE_BYTES.
"""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from device.domain.screens import AmountDue
from device.drivers.streams import open_stream
from device.his_link import frames
from device.his_link.handshake import HisEnd
from device.his_link.host import Client
from device.his_link.seal import DeskKey
from simulators.pki import make_pki

if TYPE_CHECKING:
    from tests.flows.conftest import Desk

Attack = Callable[["Desk"], Coroutine[Any, Any, None]]
ENQ_S = 2.0  # 50 ms by itself (tests/his_link); here two busy cores are shared with the attacker
PEERS = 100


async def _open(desk: "Desk") -> socket.socket:
    host, port = desk.address.partition("://")[2].rsplit(":", 1)
    sock = socket.socket()
    sock.settimeout(0)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
    except BaseException:  # the attack may be over in the middle of it
        sock.close()
        raise
    return sock


async def _write(desk: "Desk", data: bytes) -> None:
    """Write this again and again, on a new connection whenever the box has had enough."""
    loop = asyncio.get_running_loop()
    while True:
        with suppress(OSError), closing(await _open(desk)) as sock:
            while True:
                await loop.sock_sendall(sock, data)
                await asyncio.sleep(0.001)


async def flood(desk: "Desk") -> None:
    """Questions without end, and no answer is read."""
    await _write(desk, frames.encode(1, b'{"type":"query","id":"T1"}') * 50)


async def endless_frame(desk: "Desk") -> None:
    """A frame that never ends."""
    await _write(desk, b"\x0201" + b"x" * 4000)


async def slow_loris(desk: "Desk") -> None:
    """Frames that come a byte at a time, on every connection the box has."""
    with ExitStack() as stack:
        peers = [stack.enter_context(closing(await _open(desk))) for _ in range(3)]
        while True:
            for peer in peers:
                with suppress(OSError):
                    peer.send(b"\x02" if secrets.randbelow(10) == 0 else b"x")
            await asyncio.sleep(0.01)


async def hundred_connections(desk: "Desk") -> None:
    """A hundred connections, opened again as they are closed."""
    while True:
        with ExitStack() as stack:
            for _ in range(PEERS):
                stack.enter_context(closing(await _open(desk)))
            await asyncio.sleep(0.1)


async def wrong_proof(desk: "Desk") -> None:
    """A hello by somebody who does not have the key."""
    _, hello = HisEnd(DeskKey.of(bytes(32))).hello(secrets.token_bytes(16))
    await _write(desk, frames.encode(1, json.dumps(hello).encode()))


async def replayed_frame(desk: "Desk") -> None:
    """The HIS's own hello and sealed frames, heard on the wire, by somebody else."""
    heard = bytes(desk.heard)  # type: ignore[attr-defined]  # set below
    await _write(desk, heard)


@asynccontextmanager
async def attacked(desk: "Desk", attack: Attack) -> AsyncIterator[None]:
    task = asyncio.create_task(attack(desk))
    await asyncio.sleep(0.2)
    yield
    assert not task.done(), task  # it went on to the end
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def a_payment_goes_through(desk: "Desk", id_: str) -> None:
    asked = desk.pay(id_, 1234)
    await desk.glass.until(AmountDue)
    assert await desk.his.enq(ENQ_S) < ENQ_S
    desk.scan(desk.code("wechat"))
    assert (await asked)["status"] == "paid"
    assert (await desk.ask("query", id=id_))["status"] == "paid"
    assert desk.held_fen() == 1234


@pytest.mark.parametrize("attack", [flood, endless_frame, slow_loris, hundred_connections])
async def test_a_payment_goes_through_while_a_peer_attacks(desk: "Desk", attack: Attack) -> None:
    async with attacked(desk, attack):
        await a_payment_goes_through(desk, "T1")


class Overheard(Client):
    """A HIS whose cable somebody listens to."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.sent = bytearray()

    def attach(self, stream: Any) -> None:
        write = stream.write

        def overheard(data: bytes) -> None:
            self.sent.extend(data)
            write(data)

        stream.write = overheard
        super().attach(stream)


@pytest.mark.parametrize(
    "attack", [flood, slow_loris, hundred_connections, wrong_proof, replayed_frame]
)
async def test_a_payment_goes_through_while_a_stranger_attacks_a_sealed_desk(
    desk: "Desk", attack: Attack
) -> None:
    key = secrets.token_bytes(32)
    (desk.directory / "his.key").write_bytes(key)
    await desk.power_off()
    desk.changes = {"his": {"security": "aes"}}
    await desk.power_on()
    desk.his = his = await Overheard.connect(desk.address, open_stream, key=key)
    assert (await desk.ask("pay", id="T0", amount_fen=1))["code"] == "bad_message"
    desk.heard = bytes(his.sent)  # type: ignore[attr-defined]  # for the replay
    async with attacked(desk, attack):
        await a_payment_goes_through(desk, "T1")
        other = await Client.connect(desk.address, open_stream, key=key)  # a HIS gets in, too
        assert (await other.request("query", {"id": "T1"}))["status"] == "paid"
        other.close()
    assert desk.states("T1") == ["paid"]


async def test_a_payment_goes_through_while_handshakes_hang(desk: "Desk") -> None:
    pki = make_pki(desk.directory / "pki")
    files: dict[str, object] = {"cert_file": str(pki.box_cert), "key_file": str(pki.box_key)}
    await desk.power_off()
    desk.changes = {"his": {"security": "tls"}, "his.tls": files}
    await desk.power_on()
    desk.his = await Client.connect(
        f"{desk.address.replace('tcp:', 'tls:')}?ca={pki.ca}", open_stream
    )
    async with attacked(desk, hundred_connections):
        await a_payment_goes_through(desk, "T1")
