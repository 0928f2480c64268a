"""The C client's sealed link: its seal against the published vectors and another library's, then a
real box, and a box that has bad luck on purpose."""

import asyncio
import ctypes
import json
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from device.domain.screens import AmountDue
from device.drivers.streams import serve_stream
from device.his_link.rehearsal import command, scenes, stage
from device.his_link.rehearsal.command import rehearse
from device.his_link.rehearsal.scenes import SEALED_SCENES
from device.his_link.rehearsal.stage import Stage
from device.his_link.seal import BOX_TO_HIS, HIS_TO_BOX, MARK, DeskKey, Opener, Seal, plain_limit
from simulators.gateway.identities import Identities
from simulators.gateway.server import Gateway

if TYPE_CHECKING:
    from tests.flows.conftest import Desk, Pty

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

ROOT = Path(__file__).parents[2]
KIT = ROOT / "his_kit" / "c"
VECTORS = json.loads((ROOT / "tests" / "vectors" / "his_sealed.json").read_text())
CHECKED = ["-std=c99", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]
UNKNOWN, PAID, REFUNDED, NO_LINK, BAD_ARGUMENT = 0, 1, 4, -2, -1
FEE = "outpatient_fee"
BODY = 8192

HARNESS = r"""
#include "paybox_his.c"

static seal_t seal;
static char line[40000], body[40000], out[40000];

/* proof NONCE | agree NONCE PROOF | seal SEQ PLAIN | open SEQ LAST SEALED; plain text in hex */
int main(int count, char **word) {
    if (count != 2 || !read_hex(word[1], seal.key, 32)) return 2;
    while (fgets(line, sizeof line, stdin)) {
        char what[8], one[40000], two[40000], three[40000];
        int found = sscanf(line, "%7s %39999s %39999s %39999s", what, one, two, three), size;
        if (strcmp(what, "proof") == 0 && found == 2) {
            byte key[32], proof[32];
            read_hex(one, seal.nonce, 16);
            derive(seal.key, NO_SALT, "proof his", key);
            hmac(key, seal.nonce, 16, "", 0, proof);
            put_hex(proof, 32, out);
            puts(out);
        } else if (strcmp(what, "agree") == 0 && found == 3) {
            seal.sent = seal.opened = 0;
            printf("%d\n", agree(&seal, one, two));
        } else if (strcmp(what, "seal") == 0 && found >= 2) {
            size = found == 3 ? (int)strlen(two) / 2 : 0;
            read_hex(found == 3 ? two : "", (byte *)body, size);
            body[size] = 0;
            size = seal_body(&seal, hex_value((const byte *)one, 2), body, out, TCP_BODY);
            out[size] = 0;
            puts(out);
        } else if (strcmp(what, "open") == 0 && found == 4) {
            seal.opened = atoi(two);
            strcpy(body, three);
            size = open_body(&seal, hex_value((const byte *)one, 2), body);
            if (size) put_hex((byte *)body, (int)strlen(body), out);
            puts(size ? out : "refused");
        }
    }
    return 0;
}
"""


@pytest.fixture(scope="session")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's own functions, one line of standard input a call; every access is checked."""
    folder = tmp_path_factory.mktemp("seal")
    (folder / "harness.c").write_text(HARNESS)
    built = folder / "harness"
    flags = [*CHECKED, "-Wno-unused-function", f"-I{KIT}", "-o", str(built)]
    subprocess.run(["gcc", *flags, str(folder / "harness.c")], check=True)
    return built


def told(harness: Path, key: str, lines: Sequence[str]) -> list[str]:
    asked = "\n".join(lines) + "\n"
    ran = subprocess.run([harness, key], input=asked, capture_output=True, text=True, check=True)
    return ran.stdout.splitlines()


def test_the_published_seals_are_its_seals(harness: Path) -> None:
    v = VECTORS
    lines = [f"proof {v['host_nonce']}", f"agree {v['box_nonce']} {'0' * 64}"]
    lines += [f"agree {v['box_nonce']} {v['hello_ok_proof']}"]
    expected = [v["hello_proof"], "0", "1"]
    for one in v["bodies"]:
        plain = one["plain"].encode().hex()
        if one["direction"] == "his>box":
            reflected = f"open {one['seq']} 0 {one['sealed']}"
            lines += [f"seal {one['seq']} {plain}", reflected]
            expected += [one["sealed"], "refused"]
        else:
            lines += [f"open {one['seq']} {last} {one['sealed']}" for last in (0, one["counter"])]
            lines.append(f"open 7F 0 {one['sealed']}")  # in another frame
            expected += [plain, "refused", "refused"]
    assert told(harness, v["key"], lines) == expected


def test_every_length_is_sealed_and_opened_as_by_another_library(harness: Path) -> None:
    key, his, box = secrets.token_bytes(32), secrets.token_bytes(16), secrets.token_bytes(16)
    desk = DeskKey.of(key)
    to_box, to_his = desk.directions(his, box)
    opener, seal = Opener(to_box, HIS_TO_BOX), Seal(to_his, BOX_TO_HIS)
    sizes = [*range(1, 70), 255, 256, 4096, 4097, plain_limit(BODY)]
    plains = [bytes(secrets.choice(range(1, 256)) for _ in range(size)) for size in sizes]
    lines, answers = [f"proof {his.hex()}", f"agree {box.hex()} {desk.box_proof(his, box)}"], []
    for number, plain in enumerate(plains, 1):
        seal, sealed = seal.seal(number, plain)
        answers.append(sealed)
        lines += [f"seal {number:02X} {plain.hex()}", f"open {number:02X} 0 {sealed.decode()}"]
        spoilt = bytearray(sealed)
        at = secrets.randbelow(len(sealed) - len(MARK) - 1) + len(MARK)
        spoilt[at] = b"AB"[spoilt[at] == ord("A")]
        lines.append(f"open {number:02X} 0 {spoilt.decode()}")
    proof, agreed, *rest = told(harness, key.hex(), lines)
    assert (proof, agreed) == (desk.his_proof(his), "1")
    for number, plain in enumerate(plains, 1):
        sealed_by_c, opened_by_c, spoilt_by_c = rest[(number - 1) * 3 : number * 3]
        found = opener.open(number, sealed_by_c.encode())
        assert found
        opener = found[0]
        assert (found[1], opened_by_c, spoilt_by_c) == (plain, plain.hex(), "refused")
    too_long = told(harness, key.hex(), [f"seal 01 {'61' * (plain_limit(BODY) + 1)}"])
    assert too_long == [""]


@pytest.fixture(scope="session")
def till(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's own example program; every access is checked."""
    built = tmp_path_factory.mktemp("kit") / "till"
    sources = [str(KIT / name) for name in ("example.c", "paybox_his.c")]
    subprocess.run(["gcc", *CHECKED, "-o", str(built), *sources], check=True)
    return built


async def say(till: Path, *words: str) -> tuple[int, dict[str, str]]:
    """One call of the client: its code, and what it was answered."""
    process = await asyncio.create_subprocess_exec(till, *words, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    code, *lines = said.decode().splitlines()
    return int(code), dict(line.partition("=")[::2] for line in lines)


async def sealed(desk: "Desk", changes: dict[str, dict[str, object]] | None = None) -> Path:
    """Switch on with a key; give its file."""
    file = desk.directory / "his.key"
    file.write_text(secrets.token_hex(32) + "\n")
    desk.changes = {**(changes or {}), "his": {"security": "aes", **(changes or {}).get("his", {})}}
    await desk.power_on()
    return file


async def test_it_pays_and_gives_back_at_a_sealed_box(desk: "Desk", till: Path) -> None:
    desk.his.close()
    await desk.power_off()
    address = f"key_file={await sealed(desk)}"
    address = f"{desk.address}?{address}"
    asked = asyncio.create_task(
        say(till, address, "pay", "T1", "1", "1234", FEE, "title=收费", "20")
    )
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    code, answer = await asked
    assert (code, answer["status"]) == (PAID, "paid")
    assert (await say(till, address, "query", "T1", "1", "10"))[0] == PAID
    assert (await say(till, address, "refund", "R1", "T1", "234", "退号", "20"))[0] == REFUNDED
    assert desk.held_fen() == 1000


async def test_a_wrong_key_and_no_key_pay_nothing(desk: "Desk", till: Path) -> None:
    desk.his.close()
    await desk.power_off()
    await sealed(desk)
    other = desk.directory / "other.key"
    other.write_bytes(bytes(32))
    pay = ("pay", "T1", "1", "1234", FEE, "", "1")
    assert (await say(till, f"{desk.address}?key_file={other}", *pay))[0] == NO_LINK
    assert (await say(till, f"{desk.address}?key_file={other}.not", *pay))[0] == BAD_ARGUMENT
    assert (await say(till, desk.address, *pay))[0] == UNKNOWN  # nothing was answered to it
    assert desk.journal("SELECT count(*) FROM charges")[0][0] == 0


async def test_on_a_sealed_cable_the_box_may_be_restarted(
    tmp_path: Path, keys: Identities, till: Path, make_desk: type["Desk"], make_pty: type["Pty"]
) -> None:
    (tmp_path / "box.key").write_text("0" * 63 + "1")
    box_end, his_end = make_pty(), make_pty()
    async with Gateway(keys) as gateway:
        desk = make_desk(tmp_path, gateway, keys)
        serial: dict[str, dict[str, object]] = {"his": {"link": "serial"}}
        file = await sealed(desk, {**serial, "his.serial": {"port": box_end.path}})
        box_end.join(his_end)
        address = f"serial://{his_end.path}?baudrate=9600&key_file={file}"
        asked = asyncio.create_task(say(till, address, "pay", "T1", "1", "1234", FEE, "", "30"))
        await desk.glass.until(AmountDue)
        desk.scan(desk.code("alipay"))
        assert (await asked)[0] == PAID
        asked = asyncio.create_task(say(till, address, "pay", "T2", "1", "5", FEE, "", "30"))
        await desk.glass.until(AmountDue)
        await desk.power_off()  # the box forgets the session; the program does not know
        await desk.power_on()
        code, answer = await asked
        assert (code, answer["status"], answer["reason"]) == (2, "not_paid", "restarted")
        box_end.part(his_end)
        await desk.power_off()
    for cable in (box_end, his_end, desk.scanner):
        cable.close()


@pytest.fixture
def client(tmp_path: Path) -> ctypes.CDLL:
    """The library with its waits made short."""
    built = str(tmp_path / "libpaybox_his.so")
    quick = ["-DACK_MS=400", "-DAGAIN_MS=200", "-DPAUSE_MS=100", "-shared", "-fPIC"]
    source = str(KIT / "paybox_his.c")
    subprocess.run(["gcc", "-std=c99", *quick, "-o", built, source], check=True)
    return ctypes.CDLL(built)


async def test_on_a_sealed_rehearsal_it_does_nothing_wrong(
    client: ctypes.CDLL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RESEND_S": 1.2, "LATE_S": 0.6, "OFF_S": 0.3, "CALM_S": 0.5}.items():
        monkeypatch.setattr(scenes, name, value)
    monkeypatch.setattr(stage, "ACK_S", 0.6)
    titles = ("平常的一笔", "扫码墩没有收到第一帧", "结果重复送来", "等结果时断线")
    monkeypatch.setattr(command, "SCENES", {title: scenes.SCENES[title] for title in titles})
    key, file = secrets.token_bytes(32), tmp_path / "his.key"
    file.write_bytes(key)
    over = asyncio.Event()
    cashier: list[asyncio.Future[None]] = []

    def collect(address: str) -> None:
        """One bill after another, as a cashier does."""
        handle = client.paybox_open(f"{address}?key_file={file}".encode(), 2000)
        answer, bill = ctypes.create_string_buffer(4096), 0
        while not over.is_set():
            bill += 1
            id_, size = b"B%d" % bill, len(answer)
            code = client.paybox_pay(handle, id_, 1, 99 + bill, FEE.encode(), b"", 3, answer, size)
            for _ in range(20):
                if code != UNKNOWN or over.is_set():
                    break
                code = client.paybox_query(handle, id_, 1, 1, answer, size)
        client.paybox_close(handle)

    async def serve(address: str, on_stream: Any) -> Any:
        listening, close = await serve_stream(address, on_stream)
        cashier.append(asyncio.ensure_future(asyncio.to_thread(collect, listening)))
        return listening, close

    try:
        async with asyncio.timeout(90):
            faults = await rehearse("tcp://127.0.0.1:0", serve, Stage(patience_s=2.0, key=key), {})
    finally:
        over.set()
        await cashier[0]
    assert faults == {title: [] for title in (*titles, *SEALED_SCENES)}
