"""The edge to the network over real sockets and real TLS: one name for every fault."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from device.channels.http import tls_context
from device.errors import SyncError
from device.sync.client import CenterClient

Handler = Callable[[bytes], bytes]
Serve = Callable[..., Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """A server that answers each request with the bytes that a function makes of it."""
    servers: list[asyncio.Server] = []

    async def start(handler: Handler, tls: ssl.SSLContext | None = None) -> str:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            writer.write(handler(head + await reader.readexactly(length)))
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
        servers.append(server)
        scheme = "https" if tls else "http"
        return f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


def answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


async def post(url: str, tls: ssl.SSLContext | None = None) -> tuple[int, bytes]:
    client = CenterClient(url, "BOX-0001", "1", tls)
    try:
        return await client(b"sealed")
    finally:
        await client.aclose()


async def test_the_sealed_bytes_go_up_with_box_and_key_and_come_back(serve: Serve) -> None:
    seen: list[bytes] = []

    def handler(request: bytes) -> bytes:
        seen.append(request)
        return answer(200, b"\x00sealed answer\xff")

    assert await post(await serve(handler)) == (200, b"\x00sealed answer\xff")
    (request,) = seen
    assert request.startswith(b"POST /v1/sync HTTP/1.1\r\n")
    assert b"\r\nX-Box: BOX-0001\r\n" in request
    assert b"\r\nX-Key: 1\r\n" in request
    assert request.endswith(b"\r\n\r\nsealed")


@pytest.mark.parametrize("status", [302, 409, 502])
async def test_every_status_is_handed_on(serve: Serve, status: int) -> None:
    assert await post(await serve(lambda _: answer(status, b"x"))) == (status, b"x")


async def test_an_answer_without_end_is_cut_off(serve: Serve) -> None:
    url = await serve(lambda _: answer(200, bytes(1_100_000)))
    with pytest.raises(SyncError, match="过长"):
        await post(url)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nhalf", b"hello\r\n"]
)
async def test_a_broken_answer_is_none(serve: Serve, said: bytes) -> None:
    url = await serve(lambda _: said)
    with pytest.raises(SyncError, match="统计中心不通"):
        await post(url)


async def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(SyncError, match="统计中心不通"):
        await post("http://127.0.0.1:9")


# --- TLS


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for this machine, which is its own authority."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "centre")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(encoding))
    (folder / "key.pem").write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


def server_side(pems: Path, *, wants_client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pems / "cert.pem", pems / "key.pem")
    if wants_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(pems / "cert.pem")
    return context


async def test_the_centre_s_certificate_is_checked(serve: Serve, pems: Path) -> None:
    url = await serve(lambda _: answer(200, b"x"), server_side(pems))
    with pytest.raises(SyncError, match="证书不可信"):
        await post(url)
    assert await post(url, tls_context(pems / "cert.pem")) == (200, b"x")


async def test_a_client_certificate_is_shown_where_the_site_has_one(
    serve: Serve, pems: Path
) -> None:
    url = await serve(lambda _: answer(200, b"x"), server_side(pems, wants_client=True))
    ours = tls_context(pems / "cert.pem", pems / "cert.pem", pems / "key.pem")
    assert await post(url, ours) == (200, b"x")
    with pytest.raises(SyncError):
        await post(url, tls_context(pems / "cert.pem"))
