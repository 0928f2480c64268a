"""The Python client of the kit against a real box; its blocking calls in threads."""

import asyncio
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from device.domain.screens import AmountDue, PaidScreen
from simulators.gateway.identities import Identities
from simulators.gateway.server import Gateway
from simulators.pki import make_pki

if TYPE_CHECKING:
    from tests.flows.conftest import Desk, Pty

ROOT = Path(__file__).parents[2]
FILE = ROOT / "his_kit" / "python" / "paybox_his.py"
VECTORS = ROOT / "tests" / "vectors"
FEE = "outpatient_fee"


@pytest.fixture(scope="session")
def kit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("paybox_his", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pay(box: Any, id_: str, fen: int, **fields: Any) -> "asyncio.Future[dict[str, Any]]":
    return asyncio.ensure_future(asyncio.to_thread(box.pay, id_, fen, FEE, **fields))


async def story(desk: "Desk", box: Any) -> None:
    """Paid, asked for, partly given back."""
    asked = pay(box, "T1", 1234, title="门诊收费")
    due = await desk.glass.until(AmountDue)
    assert (due.amount_fen, due.title) == (1234, "门诊收费")
    desk.scan(desk.code("wechat"))
    answer = await asked
    assert (answer["status"], answer["amount_fen"]) == ("paid", 1234)
    assert (await asyncio.to_thread(box.query, "T1"))["status"] == "paid"
    given = await asyncio.to_thread(box.refund, "R1", "T1", 234)
    assert given["status"] == "refunded"
    assert desk.held_fen() == 1000
    parts = (await asyncio.to_thread(box.status))["parts"]
    assert {p["part"] for p in parts} >= {"journal", "wechat"}
    assert not desk.box._desk.state.offers


async def test_inside_tls(desk: "Desk", kit: ModuleType) -> None:
    pki = make_pki(desk.directory / "pki")
    desk.his.close()
    await desk.power_off()
    files: dict[str, object] = {"cert_file": str(pki.box_cert), "key_file": str(pki.box_key)}
    desk.changes = {
        "his": {"security": "tls"},
        "his.tls": {**files, "client_ca_file": str(pki.ca)},
    }
    await desk.power_on()
    address = f"{desk.address.replace('tcp:', 'tls:')}?ca={pki.ca}"
    with kit.Paybox(f"{address}&cert={pki.his_cert}&key={pki.his_key}") as box:
        await story(desk, box)
    foreign = make_pki(desk.directory / "foreign")
    address = address.replace(str(pki.ca), str(foreign.ca))
    with kit.Paybox(address) as box, pytest.raises(kit.NotConnected):
        await asyncio.to_thread(box.query, "T1")


async def test_over_tcp(desk: "Desk", kit: ModuleType) -> None:
    desk.his.close()
    with kit.Paybox(desk.address) as box:
        await story(desk, box)


async def test_sealed(
    tmp_path: Path, keys: Identities, make_desk: type["Desk"], kit: ModuleType
) -> None:
    (tmp_path / "box.key").write_text("0" * 63 + "1")
    (tmp_path / "his.key").write_bytes(bytes(range(32)))
    async with Gateway(keys) as gateway:
        desk = make_desk(tmp_path, gateway, keys)
        desk.changes["his"] = {"link": "tcp", "security": "aes"}
        await desk.power_on()
        with kit.Paybox(desk.address, key=bytes(range(32))) as box:
            await story(desk, box)
        with kit.Paybox(desk.address, key=bytes(32)) as wrong, pytest.raises(kit.NotConnected):
            await asyncio.to_thread(wrong.query, "T1")
        await desk.power_off()
        desk.scanner.close()


async def test_over_a_serial_cable_in_gbk(
    tmp_path: Path,
    keys: Identities,
    make_desk: type["Desk"],
    make_pty: type["Pty"],
    kit: ModuleType,
) -> None:
    (tmp_path / "box.key").write_text("0" * 63 + "1")
    box_end, his_end = make_pty(), make_pty()
    async with Gateway(keys) as gateway:
        desk = make_desk(tmp_path, gateway, keys)
        desk.changes["his"] = {"link": "serial", "encoding": "gbk"}
        desk.changes["his.serial"] = {"port": box_end.path}
        await desk.power_on()
        box_end.join(his_end)
        with kit.Paybox(f"serial://{his_end.path}", encoding="gbk") as box:
            await story(desk, box)
        box_end.part(his_end)
        await desk.power_off()
    for cable in (box_end, his_end, desk.scanner):
        cable.close()


async def test_a_box_that_restarts_in_the_middle_is_asked_again(
    desk: "Desk", kit: ModuleType
) -> None:
    desk.his.close()
    with kit.Paybox(desk.address) as box:
        asked = pay(box, "T1", 1234)
        await desk.glass.until(AmountDue)
        desk.changes["his.tcp"] = {"listen": desk.address.removeprefix("tcp://")}
        desk.scan(desk.code("wechat"))
        await desk.glass.until(PaidScreen)
        await desk.power_off()
        await desk.power_on()
        assert (await asked)["status"] == "paid"
    assert desk.held_fen() == 1234


async def test_time_over_is_unknown_and_refusals_are_raised(desk: "Desk", kit: ModuleType) -> None:
    desk.his.close()
    with kit.Paybox(desk.address) as box:
        assert (await pay(box, "T1", 1234, timeout_s=0.5))["status"] == "unknown"
        with pytest.raises(kit.Refused) as refused:
            await pay(box, "T2", 5)
        assert (refused.value.code, refused.value.answer["blocking_id"]) == ("busy", "T1")
        assert (await asyncio.to_thread(box.cancel, "T1"))["reason"] == "cancelled"
        given = await asyncio.to_thread(box.query, "T1", 1)
        assert given["status"] == "not_paid"
        with pytest.raises(kit.Refused):
            await asyncio.to_thread(box.reverse, "R1", "T1")


async def test_booked_in_two_steps_and_summed_up(desk: "Desk", kit: ModuleType) -> None:
    desk.his.close()
    with kit.Paybox(desk.address) as box:
        asked = pay(box, "T1", 1234, confirm=True)
        await desk.glass.until(AmountDue)
        desk.scan(desk.code("alipay"))
        paid = await asked
        assert (paid["status"], paid["booked"]) == ("paid", False)
        booked = await asyncio.to_thread(box.confirm, "T1", True)  # noqa: FBT003  the field's value
        assert (booked["status"], booked["booked"]) == ("paid", True)
        rows = (await asyncio.to_thread(box.summary, paid["paid_at"][:10]))["rows"]
        assert [(r["wallet"], r["paid_fen"]) for r in rows] == [("alipay", 1234)]


def test_a_long_answer_is_joined(kit: ModuleType) -> None:
    box = kit.Paybox("tcp://127.0.0.1:1")
    box._waits = {"type": "status_result", "id": None, "try": None}
    box._take(b'{"type":"status_result","parts":[{"part":"a"}],"more":true}', 1)
    assert box._still_open(final=False)
    box._take(b'{"type":"status_result","parts":[{"part":"b"}]}', 2)
    assert not box._still_open(final=False)
    assert box._answer["parts"] == [{"part": "a"}, {"part": "b"}]


def test_nobody_there_is_said(kit: ModuleType) -> None:
    with pytest.raises(kit.NotConnected):
        kit.Paybox("tcp://127.0.0.1:1").query("T1")
    with pytest.raises(ValueError, match="tcp://"):
        kit.Paybox("http://127.0.0.1:1")


def test_the_published_frames_are_its_frames(kit: ModuleType) -> None:
    for one in json.loads((VECTORS / "his_frames.json").read_text())["frames"]:
        raw, body = bytes.fromhex(one["frame_hex"]), one["body"].encode(one["encoding"])
        assert kit.frame(int(one["seq"], 16), body) == raw
        for size in (1, 1000):
            decoder, found = kit.Decoder(8192), []
            for at in range(0, len(raw), size):
                found += decoder.feed(raw[at : at + size], 0.0)
            assert found == [(body, int(one["seq"], 16))]


def test_the_published_seals_are_its_seals(kit: ModuleType) -> None:
    published = json.loads((VECTORS / "his_sealed.json").read_text())
    sealed = kit.Sealed(bytes.fromhex(published["key"]))
    sealed._nonce = bytes.fromhex(published["host_nonce"])
    assert sealed.hello()["proof"] == published["hello_proof"]
    answer = {"nonce": published["box_nonce"], "proof": published["hello_ok_proof"]}
    assert not sealed.agree({**answer, "proof": "00"})
    assert sealed.agree(answer)
    for one in published["bodies"]:
        seq, plain = int(one["seq"], 16), one["plain"].encode()
        if one["direction"] == "his>box":
            assert sealed.seal(seq, plain).decode() == one["sealed"]
        else:
            assert sealed.open(seq, one["sealed"].encode()) == plain
            assert sealed.open(seq, one["sealed"].encode()) is None  # a replay


def test_it_needs_nothing_newer_than_python_3_8() -> None:
    vermin = Path(sys.executable).with_name("vermin")
    asked = [str(vermin), "--target=3.8-", "--no-tips", "--violations", str(FILE)]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def _an_old_python() -> str | None:
    for name in ("python3.8", "python3.9", "pypy3"):
        found = shutil.which(name)
        if found and subprocess.run([found, "-c", ""], check=False).returncode == 0:
            return found  # a version manager's name may stand for nothing
    return None


OLD = _an_old_python()
TILL = """\
import sys
from paybox_his import Paybox

with Paybox(sys.argv[1]) as box:
    paid = box.pay("T1", 1234, "outpatient_fee", title="\u6536\u8d39")
    given = box.refund("R1", "T1", 234)
    print(paid["status"], box.query("T1")["status"], given["status"])
"""


@pytest.mark.skipif(OLD is None, reason="no python3.8, python3.9 or pypy3 here")
async def test_an_older_python_pays(desk: "Desk", tmp_path: Path) -> None:
    assert OLD
    desk.his.close()
    (tmp_path / "till.py").write_text(TILL)
    shutil.copy(FILE, tmp_path)
    process = await asyncio.create_subprocess_exec(
        OLD, str(tmp_path / "till.py"), desk.address, stdout=asyncio.subprocess.PIPE
    )
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    said, _ = await process.communicate()
    assert said.split() == [b"paid", b"paid", b"refunded"]
    assert desk.held_fen() == 1000
