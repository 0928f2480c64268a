"""What a hospital has around a desk: a wire, a time server, a VPN, and beyond it the providers.

All of it in the network namespace that this process is in. WireGuard's far end is `wireguard-go`:
the kernel of a build machine need not have it.
"""

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

from simulators.demo.children import Child, Program
from simulators.demo.provider import ProviderAdmin

TAP, TUNNEL = "tap0", "wg0"
HERE, BOX = "10.77.0.1", "10.77.0.2"  # on the wire
FAR, NEAR = "10.99.0.1", "10.99.0.2"  # in the tunnel
WIREGUARD_PORT, HTTPS_PORT = 51820, 443
GATEWAY_READY = re.compile(
    r"^ready wechat=http://127\.0\.0\.1:(\d+).* tls=https://127\.0\.0\.1:(\d+)"
)
START_PATIENCE_S = 30.0
CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000  # linux/sched.h
SOCKETS = Path("/run/wireguard")  # where `wireguard-go` and `wg` look for each other
NTP_EPOCH = 2208988800  # seconds from 1900 to 1970
NEEDED = {"wireguard-go": "wireguard-go", "wg": "wireguard-tools", "ip": "iproute2"}


def in_own_network() -> None:
    """Leave this machine's network for an empty one; everything below happens there."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET | CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "no network namespace: root is needed")
    SOCKETS.mkdir(exist_ok=True)
    _run("mount", "--make-rprivate", "/")
    _run("mount", "-t", "tmpfs", "tmpfs", str(SOCKETS))  # two runs do not meet there
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "tuntap", "add", TAP, "mode", "tap")
    _run("ip", "address", "add", f"{HERE}/24", "dev", TAP)
    _run("ip", "link", "set", TAP, "up")


class Hospital:
    """Time server, VPN and providers; `folder` keeps keys and the providers' book."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.merchant = folder / "merchant"
        self.key, self.public = _new_key()
        self.box_key, self.box_public = _new_key()
        self.provider = ProviderAdmin()
        self._gateway = Child(_gateway(self.merchant, folder / "gateway-book.jsonl"))
        self._tunnel: subprocess.Popen[bytes] | None = None
        self._time: asyncio.DatagramTransport
        self._relay: asyncio.Server
        self._tls_port = 0

    async def start(self) -> None:
        """Open for the day."""
        ready = await self._gateway.start(START_PATIENCE_S)
        self.provider.lead_to(int(ready[1]))
        self._tls_port = int(ready[2])
        loop = asyncio.get_running_loop()
        self._time, _ = await loop.create_datagram_endpoint(TimeServer, local_addr=(HERE, 123))
        self._relay = await asyncio.start_server(self._pass_on, "0.0.0.0", HTTPS_PORT)
        await self.open_tunnel()

    async def stop(self) -> None:
        """Close."""
        self.close_tunnel()
        self._relay.close()
        self._time.close()
        await self._gateway.stop()
        await self.provider.aclose()

    async def open_tunnel(self) -> None:
        """Let the VPN's far end answer."""
        key = self._folder / "front.key"
        key.write_text(self.key)
        log = (self._folder / "wireguard").open("ab")
        self._tunnel = subprocess.Popen(  # noqa: ASYNC220  it goes on running
            ["wireguard-go", "-f", TUNNEL],
            stdout=log,
            stderr=log,
            preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL),
        )
        async with asyncio.timeout(START_PATIENCE_S):
            while not (SOCKETS / f"{TUNNEL}.sock").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        port = str(WIREGUARD_PORT)
        _run("wg", "set", TUNNEL, "listen-port", port, "private-key", str(key),
             "peer", self.box_public, "allowed-ips", f"{NEAR}/32")  # fmt: skip
        _run("ip", "address", "add", f"{FAR}/24", "dev", TUNNEL)
        _run("ip", "link", "set", TUNNEL, "up")

    @property
    def tunnel_open(self) -> bool:
        """Whether the VPN's far end answers."""
        return self._tunnel is not None

    def close_tunnel(self) -> None:
        """Let the VPN's far end be gone: nothing answers any more."""
        if self._tunnel:
            self._tunnel.kill()
            self._tunnel.wait()
        (SOCKETS / f"{TUNNEL}.sock").unlink(missing_ok=True)
        self._tunnel = None

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lead what comes to the providers' address to the gateways, which listen on loopback."""
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._tls_port)
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))


class TimeServer(asyncio.DatagramProtocol):
    """Tells this machine's time (RFC 5905, server mode)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        now = time.time() + NTP_EPOCH
        stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
        head = struct.pack(">BBbbII4s", 0x24, 2, 4, -20, 0, 0, b"GPS\0")
        answer = head + stamp + data[40:48] + stamp + stamp
        self._transport.sendto(answer, address)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def _gateway(keys: Path, book: Path) -> Program:
    command = (sys.executable, "-m", "device", "gateway", "--port", "0", "--tls-port", "0")
    options = ("--certs", str(keys), "--book", str(book), "--only-issued-codes")
    return Program("gateway", (*command, *options), GATEWAY_READY)


def _new_key() -> tuple[str, str]:
    key = _run("wg", "genkey").strip()
    public = subprocess.run(["wg", "pubkey"], input=key, text=True, check=True, capture_output=True)
    return key, public.stdout.strip()


def _run(*command: str) -> str:
    search = {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=search)
    return done.stdout
