"""The rehearsal finds nothing wrong with the kit's client, and the fault of each broken HIS."""

import asyncio
import contextlib
import hmac
import importlib.util
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from device.__main__ import main as paybox
from device.drivers.streams import serve_stream
from device.his_link.rehearsal import command, scenes, stage
from device.his_link.rehearsal.command import rehearse, report
from device.his_link.rehearsal.scenes import SCENES, SEALED_SCENES
from device.his_link.rehearsal.stage import Stage
from simulators.pki import make_pki

if TYPE_CHECKING:
    from tests.flows.conftest import Pty

FILE = Path(__file__).parents[2] / "his_kit" / "python" / "paybox_his.py"
BILL_S = 2.5


@pytest.fixture
def kit(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The kit's client, and everybody's waits made short."""
    spec = importlib.util.spec_from_file_location("paybox_his", FILE)
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    quick = {"ACK_S": 0.4, "AGAIN_S": 0.2, "PAUSE_S": 0.1, "READ_S": 2.0}
    for name, value in quick.items():
        monkeypatch.setattr(made, name, value)
    for name, value in {"RESEND_S": 1.2, "LATE_S": 0.6, "OFF_S": 0.3, "CALM_S": 0.5}.items():
        monkeypatch.setattr(scenes, name, value)
    monkeypatch.setattr(stage, "ACK_S", 0.6)
    return made


class His:
    """A cashier who collects one bill after another, in a thread of his own."""

    def __init__(self, kit: ModuleType, box: Any) -> None:
        self.kit = kit
        self.box = box
        self.over = False
        self.bills = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self.over:
            self.bills += 1
            try:
                self.collect(f"B{self.bills}", 100 + self.bills)
            except (self.kit.NotConnected, self.kit.Refused, OSError):
                time.sleep(0.05)

    def collect(self, id_: str, fen: int) -> None:
        """Collect, and ask until it is known."""
        try:
            answer = self.box.pay(id_, fen, "outpatient_fee", timeout_s=BILL_S)
        except self.kit.Refused as refused:
            if refused.code == "conflict":
                self.box.query(id_)
            if refused.code == "busy":
                time.sleep(0.6)  # the cashier reads the message
            return
        self.settle(id_, fen, answer)

    def settle(self, id_: str, _fen: int, answer: dict[str, Any]) -> None:
        """Ask until the result is final."""
        until = time.monotonic() + BILL_S
        while answer["status"] == "unknown" and not self.over and time.monotonic() < until:
            time.sleep(0.1)
            answer = self.box.query(id_)

    def stop(self) -> None:
        self.over = True
        self._thread.join(20)
        self.box.close()


Make = Callable[[ModuleType, str], His]


async def played(
    monkeypatch: pytest.MonkeyPatch,
    kit: ModuleType,
    make: Make,
    *titles: str,
    address: str = "tcp://127.0.0.1:0",
    key: bytes | None = None,
) -> dict[str, list[str]]:
    """Play these scenes, or all, with this HIS."""
    for name in ("SCENES", "SEALED_SCENES"):
        scenes_of = getattr(scenes, name)
        monkeypatch.setattr(
            command, name, {t: scenes_of[t] for t in scenes_of if not titles or t in titles}
        )
    theatre = Stage(patience_s=1.5, key=key)
    made: list[His] = []

    async def serve(address: str, on_stream: Any) -> Any:
        opened, close = await serve_stream(address, on_stream)
        made.append(await asyncio.to_thread(make, kit, opened))
        return opened, close

    faults: dict[str, list[str]] = {}
    try:
        async with asyncio.timeout(60):
            await rehearse(address, serve, theatre, faults)
    finally:
        await asyncio.to_thread(made[0].stop)
    return faults


def good(kit: ModuleType, address: str) -> His:
    return His(kit, kit.Paybox(address))


async def test_the_kits_client_does_nothing_wrong(
    monkeypatch: pytest.MonkeyPatch, kit: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = await played(monkeypatch, kit, good)
    assert {t: f for t, f in faults.items() if f} == {}
    assert list(faults) == list(SCENES)
    assert report(faults, SCENES) == 0
    assert f"共 {len(SCENES)} 场，没有发现错误" in capsys.readouterr().out


KEY = bytes(range(32))


def good_sealed(kit: ModuleType, address: str) -> His:
    return His(kit, kit.Paybox(address, key=KEY))


async def test_the_kits_client_does_nothing_wrong_on_a_sealed_line(
    monkeypatch: pytest.MonkeyPatch, kit: ModuleType
) -> None:
    faults = await played(monkeypatch, kit, good_sealed, key=KEY)
    assert {t: f for t, f in faults.items() if f} == {}
    assert list(faults) == [*SCENES, *SEALED_SCENES]


async def test_a_his_inside_tls_is_tried(
    monkeypatch: pytest.MonkeyPatch, kit: ModuleType, tmp_path: Path
) -> None:
    pki = make_pki(tmp_path)

    def his(kit: ModuleType, address: str) -> His:
        files = f"?ca={pki.ca}&cert={pki.his_cert}&key={pki.his_key}"
        return His(kit, kit.Paybox(address + files))

    address = f"tls://127.0.0.1:0?cert={pki.box_cert}&key={pki.box_key}&ca={pki.ca}"
    titles = ("平常的一笔", "扫码墩没有收到第一帧", "等结果时断线")
    faults = await played(monkeypatch, kit, his, *titles, address=address)
    assert faults == {title: [] for title in titles}


def broken(change: Callable[[ModuleType, Any], None]) -> Make:
    """A HIS whose client is changed in one thing."""

    def make(kit: ModuleType, address: str) -> His:
        box = kit.Paybox(address)
        change(kit, box)
        return His(kit, box)

    return make


def _no_receipts(_: ModuleType, box: Any) -> None:
    box._tell_receipts = box._receipts.clear


def _wrong_revision(_: ModuleType, box: Any) -> None:
    send = box._send
    box._send = lambda m, **k: send({**m, "revision": 99} if m["type"] == "received" else m, **k)


def _without(box: Any, unwanted: Callable[[bytes], bool]) -> None:
    write = box._write
    box._write = lambda data: True if unwanted(data) else write(data)


def _no_ack(_: ModuleType, box: Any) -> None:
    _without(box, lambda data: data[:1] == b"\x06" and data != b"\x0600")


def _no_enq(_: ModuleType, box: Any) -> None:
    _without(box, lambda data: data == b"\x0600")


def _sends_once(kit: ModuleType, _: Any) -> None:
    kit.SENDS = 1  # type: ignore[attr-defined]  # put back with the module


def _new_seq_each_time(kit: ModuleType, box: Any) -> None:
    write = box._write

    def renumbered(data: bytes) -> bool:
        if data[:1] == b"\x02":
            box._seq = box._seq % 255 + 1
            data = kit.frame(box._seq, data[3:-5])
        return bool(write(data))

    box._write = renumbered


def _any_crc(kit: ModuleType, _: Any) -> None:
    def end(decoder: Any) -> tuple[bytes, int]:
        decoder._opener = 0
        held = bytes(decoder._held)
        return held[2:-5], int(held[:2], 16)

    kit.Decoder._end = end


def _ends_by_silence(kit: ModuleType, _: Any) -> None:
    kit.SILENCE_S = 0.0005  # type: ignore[attr-defined]  # put back with the module


def _acks_once(_: ModuleType, box: Any) -> None:
    seen: set[bytes] = set()
    take = box._take

    def write_first(body: bytes, seq: int) -> None:
        seen.add(b"%02X" % seq)
        take(body, seq)

    box._take = write_first
    _without(box, lambda data: data[:1] == b"\x06" and data[1:] in seen)


def _only_its_own(_: ModuleType, box: Any) -> None:
    take = box._take

    def taken(body: bytes, seq: int) -> None:
        if b"-OLD" not in body:
            take(body, seq)

    box._take = taken


class NewId(His):
    """Collects again under a new id when it does not know."""

    def collect(self, id_: str, fen: int) -> None:
        try:
            answer = self.box.pay(id_, fen, "outpatient_fee", timeout_s=0.3)
        except self.kit.Refused:
            answer = {"status": "unknown"}
        if answer["status"] == "unknown":
            self.box.pay(f"{id_}-again", fen, "outpatient_fee", timeout_s=0.3)


class NextTry(His):
    """Takes doubt for `not_paid`."""

    def collect(self, id_: str, fen: int) -> None:
        for try_ in (1, 2):
            answer = self.box.pay(id_, fen, "outpatient_fee", try_=try_, timeout_s=0.3)
            if answer["status"] == "paid":
                break


class Forgetful(His):
    """Goes on with the next patient after a lost line."""

    def collect(self, id_: str, fen: int) -> None:
        self.box._hear = lambda *_: None
        self.box.pay(id_, fen, "outpatient_fee", timeout_s=0.2)
        time.sleep(0.3)
        if self.box._line is not None:
            self.box._read(0.1)


class Impatient(His):
    """Presses again and again while the desk is busy."""

    def collect(self, id_: str, fen: int) -> None:
        with contextlib.suppress(self.kit.Refused):
            self.box.pay(id_, fen, "outpatient_fee", timeout_s=1.0)
        for press in map(str, range(8)):
            self.box._send({"type": "pay", "id": id_, "amount_fen": fen, "operator": press})


class Gone(His):
    """Never connects again."""

    def collect(self, id_: str, fen: int) -> None:
        if self.bills > 1:
            time.sleep(0.05)
            return
        self.box._hear = lambda *_: time.sleep(0.05)
        self.box.pay(id_, fen, "outpatient_fee", timeout_s=0.1)
        self.box._open = lambda: False


def a(kind: type[His]) -> Make:
    return lambda kit, address: kind(kit, kit.Paybox(address))


BROKEN: dict[str, tuple[Make, str, str]] = {
    "says no received": (broken(_no_receipts), "平常的一笔", "没有回 received"),
    "names another revision": (broken(_wrong_revision), "平常的一笔", "却回了 revision 99"),
    "acknowledges nothing": (broken(_no_ack), "平常的一笔", "没有得到 ACK"),
    "does not answer ENQ": (broken(_no_enq), "杂字节与 ENQ", "ENQ（05）没有得到"),
    "sends once": (broken(_sends_once), "扫码墩没有收到第一帧", "没有 ACK 时没有重发"),
    "counts SEQ on at a resend": (
        broken(_new_seq_each_time), "扫码墩没有收到第一帧", "重发的不是同一串字节"),
    "does not resend after NAK": (broken(_sends_once), "扫码墩要求重发（NAK）", "没有重发"),
    "checks no CRC": (broken(_any_crc), "结果的 CRC 错", "CRC 错的帧也得到了 ACK"),
    "ends frames by silence": (broken(_ends_by_silence), "结果逐字节到来", "逐字节到来的帧没有"),
    "acknowledges a repeat no more": (broken(_acks_once), "结果重复送来", "没有再次得到 ACK"),
    "hears only what it asked for": (
        broken(_only_its_own), "送来不认识的单号的结果", "没有回 received"),
    "collects again when it is late": (a(NewId), "结果来得很晚", "换单号"),
    "collects again in doubt": (a(NewId), "先结果不明，后来已支付", "换单号"),
    "takes the next try in doubt": (a(NextTry), "先结果不明，后来已支付", "用下一个 try 又收"),
    "collects again after a conflict": (
        a(NewId), "单号冲突（conflict）", "conflict 之后没有用 query"),
    "asks nothing after a restart": (
        a(Forgetful), "等结果时扫码墩断电重启", "没有用 query 查这一笔"),
    "never connects again": (a(Gone), "等结果时断线", "断线后没有重连"),
    "presses on while busy": (a(Impatient), "上一笔未完（busy）", "busy 之后不停重发"),
}  # fmt: skip


def broken_sealed(change: Callable[[ModuleType], None]) -> Make:
    def make(kit: ModuleType, address: str) -> His:
        change(kit)
        return good_sealed(kit, address)

    return make


def _any_proof(kit: ModuleType) -> None:
    kit.hmac = SimpleNamespace(new=hmac.new, compare_digest=lambda *_: True)  # type: ignore[attr-defined]  # put back with the module


def _nonce_again(kit: ModuleType) -> None:
    kit.os = SimpleNamespace(urandom=bytes)  # type: ignore[attr-defined]  # put back with the module


def _no_second_hello(kit: ModuleType) -> None:
    unsealed = kit.Paybox._take_unsealed

    def take(box: Any, body: bytes) -> None:
        if b"hello_required" not in body:
            unsealed(box, body)

    kit.Paybox._take_unsealed = take


def _any_counter(kit: ModuleType) -> None:
    opened = kit.Sealed.open

    def open_(sealed: Any, seq: int, body: bytes) -> bytes | None:
        sealed._opened = 0
        return opened(sealed, seq, body)  # type: ignore[no-any-return]  # the kit is untyped

    kit.Sealed.open = open_


BROKEN_SEALED: dict[str, tuple[Make, str, str]] = {
    "checks no proof": (broken_sealed(_any_proof), "密封：答 hello 的没有密钥", "没有验证"),
    "says hello with the same nonce": (
        broken_sealed(_nonce_again), "密封：扫码墩忘了会话（hello_required）", "nonce 用过"),
    "says no second hello": (
        broken_sealed(_no_second_hello), "密封：扫码墩忘了会话（hello_required）",
        "没有重新 hello"),
    "looks at no counter": (broken_sealed(_any_counter), "密封：旧帧重放", "重放的旧帧又受理了"),
}  # fmt: skip


@pytest.fixture
def put_back(kit: ModuleType) -> Iterator[None]:
    kept = dict(vars(kit))
    yield
    vars(kit).update(kept)


@pytest.mark.usefixtures("put_back")
@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_his_is_told_what_it_does_wrong(
    name: str, monkeypatch: pytest.MonkeyPatch, kit: ModuleType
) -> None:
    make, title, fault = BROKEN[name]
    faults = await played(monkeypatch, kit, make, title)
    assert fault in "；".join(faults[title]), faults
    assert report(faults, {title: SCENES[title]}) == 1


@pytest.mark.usefixtures("put_back")
@pytest.mark.parametrize("name", BROKEN_SEALED)
async def test_a_broken_his_on_a_sealed_line_is_told_what_it_does_wrong(
    name: str, monkeypatch: pytest.MonkeyPatch, kit: ModuleType
) -> None:
    make, title, fault = BROKEN_SEALED[name]
    faults = await played(monkeypatch, kit, make, title, key=KEY)
    assert fault in "；".join(faults[title]), faults


async def test_a_his_without_the_key_is_told_of(
    monkeypatch: pytest.MonkeyPatch, kit: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    playing = played(monkeypatch, kit, good, "平常的一笔", key=KEY)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(playing, 1.5)
    assert "已答 hello_required" in capsys.readouterr().out


async def test_on_a_cable_a_lost_line_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
    kit: ModuleType,
    make_pty: type["Pty"],
    capsys: pytest.CaptureFixture[str],
) -> None:
    titles = ("平常的一笔", "等结果时断线", "结果重复送来")
    monkeypatch.setattr(command, "SCENES", {t: SCENES[t] for t in titles})
    box_end, his_end = make_pty(), make_pty()
    box_end.join(his_end)
    his = good(kit, f"serial://{his_end.path}")
    async with asyncio.timeout(30):
        address = f"serial://{box_end.path}?baudrate=115200"
        faults = await rehearse(address, serve_stream, Stage(patience_s=1.5), {})
    await asyncio.to_thread(his.stop)
    box_end.part(his_end)
    assert not any(faults.values())
    assert "略：串口没有断线重连" in capsys.readouterr().out
    for cable in (box_end, his_end):
        cable.close()


def test_a_rehearsal_that_was_cut_short_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert report({"平常的一笔": []}, SCENES) == 1
    assert "－ 结果重复送来（没有演到）" in capsys.readouterr().out


def test_an_address_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for address in (
        "http://127.0.0.1:1",
        "serial:///dev/not-there",
        "tls://127.0.0.1:1",
        "tls://127.0.0.1:1?cert=a&key=b&speed=c",
    ):
        with pytest.raises(SystemExit) as ended:
            paybox(["rehearse", address])
        assert ended.value.code == 2
        assert address in capsys.readouterr().err
