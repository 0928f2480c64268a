"""TLS on the HIS link: who is let in, with which ciphers, and what a wrong file is called."""

import asyncio
import socket
import ssl
import subprocess
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device.drivers import tcp, tls
from device.drivers.streams import open_stream
from device.drivers.tcp import HANDSHAKES, TcpServer, TcpStream
from device.errors import ConfigError
from simulators.pki import Pki, make_pki


class Ear:
    """Keeps what a stream brought; the server's echoes it."""

    def __init__(self, stream: TcpStream | None = None) -> None:
        self.stream = stream
        self.received = b""
        self.is_closed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.stream:
            self.stream.write(data)

    def closed(self) -> None:
        self.is_closed.set()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  the other end is a kernel socket
            await asyncio.sleep(0.002)


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[TcpServer]:
    server = TcpServer("127.0.0.1", 0, Ear, tls=context)
    await server.start()
    yield server
    await server.aclose()


@pytest.fixture
async def server(pki: Pki) -> AsyncIterator[TcpServer]:
    async with serving(tls.server_context(pki.box_cert, pki.box_key)) as server:
        yield server


async def echoed(address: str, data: bytes) -> bytes:
    """Return what comes back; empty if the connection is closed instead."""
    ear = Ear()
    stream = await open_stream(address, ear)
    stream.write(data)
    await until(lambda: len(ear.received) == len(data) or ear.is_closed.is_set())
    stream.close()
    await ear.is_closed.wait()
    return ear.received


async def test_records_that_come_together_are_all_read(server: TcpServer, pki: Pki) -> None:
    """An ACK and the answer behind it: two records, often one read of the socket."""
    host, port = server.address
    ear = Ear()
    stream = await open_stream(f"tls://{host}:{port}?ca={pki.ca}", ear)
    words = [bytes([65 + n]) * (n + 1) for n in range(20)]
    for word in words:
        stream.write(word)
    await until(lambda: len(ear.received) == sum(map(len, words)))
    assert ear.received == b"".join(words)
    stream.close()


async def test_bytes_go_there_and_back(server: TcpServer, pki: Pki) -> None:
    host, port = server.address
    data = bytes(range(256)) * 40
    assert await echoed(f"tls://{host}:{port}?ca={pki.ca}", data) == data


async def test_a_box_that_the_authority_does_not_know_is_refused(
    server: TcpServer, tmp_path: Path
) -> None:
    strange = make_pki(tmp_path)
    host, port = server.address
    with pytest.raises(OSError, match="certificate verify failed"):
        await echoed(f"tls://{host}:{port}?ca={strange.ca}", b"x")


async def test_a_his_without_a_certificate_is_refused_where_one_is_wanted(
    pki: Pki, tmp_path: Path
) -> None:
    strange = make_pki(tmp_path)
    async with serving(tls.server_context(pki.box_cert, pki.box_key, pki.ca)) as server:
        address = "tls://{}:{}?ca={}".format(*server.address, pki.ca)
        assert await echoed(address, b"x") == b""
        assert await echoed(f"{address}&cert={strange.his_cert}&key={strange.his_key}", b"x") == b""
        assert await echoed(f"{address}&cert={pki.his_cert}&key={pki.his_key}", b"x") == b"x"


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-SHA"),
    ],
)
async def test_old_versions_and_ciphers_are_refused(
    server: TcpServer, pki: Pki, version: ssl.TLSVersion, ciphers: str
) -> None:
    context = ssl.create_default_context(cafile=str(pki.ca))
    context.set_ciphers(ciphers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
        context.minimum_version = context.maximum_version = version
    with pytest.raises((ssl.SSLError, ConnectionError)):  # told, not left to wait
        await tcp.connect(*server.address, Ear(), tls=context)


async def test_tls_1_2_with_an_aead_cipher_is_taken(server: TcpServer, pki: Pki) -> None:
    context = ssl.create_default_context(cafile=str(pki.ca))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    stream = await tcp.connect(*server.address, ear := Ear(), tls=context)
    stream.write(b"x")
    await until(lambda: ear.received == b"x")
    stream.close()


async def test_plain_talk_and_silence_become_no_stream(
    server: TcpServer, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "HANDSHAKE_S", 0.2)
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(b"\x0201{}\x030000" * 10)
    silent = [socket.create_connection(server.address) for _ in range(HANDSHAKES + 5)]
    await until(lambda: len(server._handshakes) >= HANDSHAKES - 1)
    async with asyncio.timeout(5):
        assert b"\x02" not in await reader.read(100)
    await until(lambda: not server._handshakes)
    assert not server._streams
    assert await echoed("tls://{}:{}?ca={}".format(*server.address, pki.ca), b"x") == b"x"
    writer.close()
    for sock in silent:
        sock.close()


async def test_a_server_that_ends_in_the_middle_of_a_handshake_leaves_nothing(pki: Pki) -> None:
    async with serving(tls.server_context(pki.box_cert, pki.box_key)) as server:
        peer = socket.create_connection(server.address)
        await until(lambda: len(server._handshakes) == 1)
    assert not server._handshakes
    peer.close()


# ------------------------------------------------------------------ files


def test_a_wrong_file_is_one_line_with_the_key_and_what_is_allowed(
    pki: Pki, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.pem"
    subprocess.run(
        ["openssl", "ec", "-in", pki.box_key, "-aes128", "-passout", "pass:x", "-out", locked],
        check=True,
        capture_output=True,
    )
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    for cert, key in ((junk, pki.box_key), (pki.box_cert, pki.his_key), (pki.box_cert, locked)):
        with pytest.raises(ConfigError) as caught:
            tls.server_context(cert, key)
        told = str(caught.value)
        assert told.startswith(f"[his.tls] cert_file = {cert}, key_file = {key}: cannot be used (")
        assert "\n" not in told
    with pytest.raises(ConfigError, match=r"\[his.tls\] client_ca_file = .*junk.pem: cannot be"):
        tls.server_context(pki.box_cert, pki.box_key, junk)
    with pytest.raises(ConfigError, match=r"ca=.*nowhere.pem: cannot be used .No such file"):
        tls.client_context(tmp_path / "nowhere.pem")


async def test_an_address_with_an_unknown_word_is_refused() -> None:
    with pytest.raises(ValueError, match="takes ca, cert and key"):
        await open_stream("tls://127.0.0.1:1?cafile=x", Ear())
