"""A clock that the test moves, a wire that answers what the test scripts, and real servers."""

import asyncio
import datetime as dt
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from device.clock import BEIJING

Reply = bytes | Exception | httpx.Response
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class FakeClock:
    """Stands still until it is moved."""

    mono_s: float = 1_000.0
    now: dt.datetime = field(
        default_factory=lambda: dt.datetime(2026, 11, 22, 9, 30, 1, tzinfo=BEIJING)
    )

    def monotonic(self) -> float:
        return self.mono_s

    def wall(self) -> dt.datetime:
        return self.now

    def sane(self) -> bool:
        return True


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """Answers requests from a script, by host if one is named; keeps what it was sent."""

    replies: list[Reply | Callable[[httpx.Request], Reply]] = field(default_factory=list)
    by_host: dict[str, Reply] = field(default_factory=dict)
    sent: list[httpx.Request] = field(default_factory=list)
    closed: bool = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        reply = self.by_host.get(request.url.host) or self.replies.pop(0)
        if callable(reply) and not isinstance(reply, httpx.Response):
            reply = reply(request)
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(200, content=reply) if isinstance(reply, bytes) else reply

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def certificate_wire() -> Wire:
    """Stands for the second client, the one with the certificate."""
    return Wire()


@dataclass
class Server:
    """A TCP server on the loopback that counts its connections."""

    port: int
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Net:
    """Real sockets on the loopback."""

    @staticmethod
    async def read_request(reader: asyncio.StreamReader) -> bytes:
        """Read one whole HTTP request; return its head."""
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        sizes = [int(x.split(b":")[1]) for x in lines if x.startswith(b"content-length")]
        await reader.readexactly(sum(sizes))
        return head

    @staticmethod
    def answer(body: bytes, *, status: str = "200 OK", length: int | None = None) -> bytes:
        size = len(body) if length is None else length
        return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n\r\n".encode() + body

    @classmethod
    def always(cls, answer: bytes) -> Handler:
        """Answer every request of a connection with the same bytes."""

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await cls.read_request(reader)
                writer.write(answer)
                await writer.drain()

        return handler

    @staticmethod
    @asynccontextmanager
    async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
        """Run a server whose handler gets each connection; every task of it ends with it."""
        tasks: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            server.connections += 1
            try:
                await handler(reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass  # the client went away
            finally:
                writer.close()

        listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
        server = Server(listener.sockets[0].getsockname()[1])
        try:
            yield server
        finally:
            listener.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @staticmethod
    def reset(writer: asyncio.StreamWriter) -> None:
        """Close with RST instead of FIN."""
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    @staticmethod
    def closed_port() -> int:
        """Return a port that nobody listens on."""
        with closing(socket.create_server(("127.0.0.1", 0))) as probe:
            return int(probe.getsockname()[1])


@pytest.fixture
def net() -> Net:
    return Net()


@dataclass(frozen=True)
class Tls:
    """A private authority with a server and a client certificate, as files."""

    ca_file: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path

    def server_context(self, *, ask_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_cert, self.server_key)
        if ask_client:
            context.load_verify_locations(self.ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder = tmp_path_factory.mktemp("tls")
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("Test CA", ca_key, "Test CA", ca_key, authority=True)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    for name in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        cert = _certificate(name, key, "Test CA", ca_key)
        (folder / f"{name}.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        (folder / f"{name}.key").write_bytes(_pem(key))
    files = (folder / n for n in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key"))
    return Tls(*files)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool = False,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    names = [
        x509.DNSName("localhost"),
        x509.DNSName("pay.example"),
        x509.IPAddress(ip_address("127.0.0.1")),
    ]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.fixture(scope="session")
def app_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def alipay_key() -> rsa.RSAPrivateKey:
    """Alipay's own, to sign answers with."""
    return rsa.generate_private_key(65537, 2048)
