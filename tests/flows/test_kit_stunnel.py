"""The C client pays at a box with TLS: a real stunnel between them, with the kit's own file."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from device.domain.screens import AmountDue
from simulators.pki import Pki, make_pki

if TYPE_CHECKING:
    from tests.flows.conftest import Desk

STUNNEL = shutil.which("stunnel4") or shutil.which("stunnel")
pytestmark = [
    pytest.mark.skipif(STUNNEL is None, reason="stunnel4 is not installed"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed"),
]

KIT = Path(__file__).parents[2] / "his_kit"
PUBLISHED = KIT / "examples" / "stunnel.conf"
UNKNOWN, PAID, REFUNDED = 0, 1, 4


@pytest.fixture(scope="session")
def till(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C client's own example program."""
    built = tmp_path_factory.mktemp("kit") / "till"
    sources = [str(KIT / "c" / name) for name in ("example.c", "paybox_his.c")]
    subprocess.run(["gcc", "-std=c99", "-O1", "-o", str(built), *sources], check=True)
    return built


async def say(till: Path, *words: str) -> tuple[int, dict[str, str]]:
    """One call of the client: its code, and what it was answered."""
    process = await asyncio.create_subprocess_exec(till, *words, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    code, *lines = said.decode().splitlines()
    return int(code), dict(line.partition("=")[::2] for line in lines)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _config(folder: Path, port: int, box: str, cert: Path, more: str) -> Path:
    """The published file with this desk's addresses and files in it."""
    text = PUBLISHED.read_text(encoding="utf-8")
    for published, here in (
        ("accept = 127.0.0.1:7601", f"accept = 127.0.0.1:{port}"),
        ("connect = 10.1.2.3:7601", f"connect = {box}"),
        ("CAfile = box-cert.pem", f"CAfile = {cert}"),
    ):
        assert text.count(f"\n{published}\n") == 1, published
        text = text.replace(published, here)
    path = folder / "stunnel.conf"
    path.write_text(f"foreground = yes\npid =\n{text}{more}", encoding="utf-8")
    return path


@asynccontextmanager
async def stunnel(desk: "Desk", cert: Path, *, more: str = "") -> AsyncIterator[str]:
    """Run it beside the HIS; give the address that the HIS is told."""
    port = _free_port()
    box = desk.address.partition("://")[2]
    path = _config(desk.directory, port, box, cert, more)
    assert STUNNEL
    process = await asyncio.create_subprocess_exec(
        STUNNEL, str(path), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr
    try:
        async with asyncio.timeout(10):
            while b"Configuration successful" not in await process.stderr.readline():
                assert process.returncode is None, "stunnel does not take the file"
        yield f"tcp://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.communicate()


async def with_tls(desk: "Desk", *, asks: bool) -> Pki:
    """Switch on with a certificate; `asks`: the HIS must show one, too."""
    pki = make_pki(desk.directory / "pki")
    files: dict[str, object] = {"cert_file": str(pki.box_cert), "key_file": str(pki.box_key)}
    if asks:
        files["client_ca_file"] = str(pki.ca)
    desk.his.close()
    await desk.power_off()
    desk.changes = {"his": {"security": "tls"}, "his.tls": files}
    await desk.power_on()
    return pki


@pytest.mark.parametrize("asks", [False, True])
async def test_the_c_client_pays_at_a_box_with_tls(
    desk: "Desk",
    till: Path,
    asks: bool,  # noqa: FBT001  a table
) -> None:
    pki = await with_tls(desk, asks=asks)
    own = f"cert = {pki.his_cert}\nkey = {pki.his_key}\n" if asks else ""
    async with stunnel(desk, pki.box_cert, more=own) as box:
        paying = say(till, box, "pay", "T1", "1", "1234", "outpatient_fee", "", "20")
        asked = asyncio.create_task(paying)
        await desk.glass.until(AmountDue)
        desk.scan(desk.code("wechat"))
        assert (await asked)[0] == PAID
        assert (await say(till, box, "query", "T1", "1", "10"))[0] == PAID
        assert (await say(till, box, "refund", "R1", "T1", "234", "退号", "20"))[0] == REFUNDED
    assert desk.held_fen() == 1000


async def test_a_box_with_another_certificate_is_not_talked_to(desk: "Desk", till: Path) -> None:
    await with_tls(desk, asks=False)
    foreign = make_pki(desk.directory / "foreign")
    async with stunnel(desk, foreign.box_cert) as box:
        said = await say(till, box, "pay", "T1", "1", "1234", "outpatient_fee", "", "2")
    assert said == (UNKNOWN, {})  # never `not paid`: the client cannot see that nothing arrived
    assert desk.journal("SELECT count(*) FROM charges")[0][0] == 0
