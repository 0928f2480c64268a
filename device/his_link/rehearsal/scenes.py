"""The scenes: odd but legal behaviour and bad luck, and what a HIS must do with each.

Every scene takes one bill of the HIS and ends it.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping

from device.his_link import frames
from device.his_link.rehearsal.sealed import SealedEnd, is_sealed
from device.his_link.rehearsal.stage import Fields, Heard, Skipped, Stage

Scene = Callable[[Stage], Awaitable[None]]
Scenes = Mapping[str, Scene]
"""By the line of the report."""

RESEND_S = 4.0  # two seconds without an ACK, and a program's slack
LATE_S = 6.0  # longer than a hasty program waits for an answer
OFF_S = 2.0  # a box restarts in a second or two
DRIP_S = 0.005  # between the bytes of a slow frame
CALM_S = 3.0  # while the desk is busy
MOST_TRIES = 3  # in that time


async def _paid(stage: Stage, pay: Heard, revision: int = 1, *, re: bool = True) -> None:
    result = stage.result(pay, revision, "paid")
    await stage.say(result, pay.seq if re else None)
    await stage.received(result)


async def _plain(stage: Stage) -> None:
    await _paid(stage, await stage.pay())


async def _ack_lost(stage: Stage) -> None:
    mark, stage.deaf = len(stage.log), 1
    await _heard_again(stage, mark, "没有 ACK 时")


async def _refused_frame(stage: Stage) -> None:
    mark, stage.naks = len(stage.log), 1
    await _heard_again(stage, mark, "得到 NAK 时")


async def _heard_again(stage: Stage, mark: int, when: str) -> None:
    """The first frame was lost: the same bytes must come again."""
    while not await stage.until(lambda: bool(_sent(stage, mark))):
        pass  # the cashier takes his time
    if not await stage.until(lambda: len(_sent(stage, mark)) > 1, RESEND_S):
        stage.fault(f"{when}没有重发")
    first, *others = _sent(stage, mark)
    if others and others[0].raw != first.raw:
        stage.fault(f"{when}重发的不是同一串字节（SEQ 与内容都不能变）")
    await _paid(stage, await stage.pay())


def _sent(stage: Stage, mark: int) -> list[Heard]:
    """The frames since the mark, on the connection of the first of them."""
    sent: list[Heard] = []
    for heard in stage.log[mark:]:
        if heard.kind == "frame":
            sent.append(heard)
        elif sent and heard.kind in {"opened", "closed"}:
            break
    return sent


async def _said_twice(stage: Stage) -> None:
    """Our ACK of theirs was lost on the way: the result comes again, byte for byte."""
    pay = await stage.pay()
    result = stage.result(pay, 1, "paid")
    raw, seq = stage.frame(result, pay.seq), stage.seq
    await stage.say_raw(raw, seq)
    mark = len(stage.log)
    stage.put(raw)
    if not await stage.until(lambda: stage.acked(seq, mark), RESEND_S):
        stage.fault("重发来的同一帧没有再次得到 ACK")
    await stage.received(result)


async def _late(stage: Stage) -> None:
    pay = await stage.pay()
    mark = len(stage.log)
    await asyncio.sleep(LATE_S)
    stage.no_other_bill(pay, mark)
    await _paid(stage, pay)


async def _unknown_then_paid(stage: Stage) -> None:
    pay = await stage.pay()
    mark = len(stage.log)
    doubt = stage.result(pay, 1, "unknown", state="querying", next_check_s=5)
    await stage.say(doubt, pay.seq)
    await asyncio.sleep(LATE_S)
    stage.no_other_bill(pay, mark)
    await _paid(stage, pay, 2, re=False)


async def _unknown_then_back(stage: Stage) -> None:
    pay = await stage.pay()
    going = stage.result(pay, 1, "unknown", state="reversing", reason="payer_timeout")
    await stage.say(going, pay.seq)
    gone = stage.result(pay, 2, "not_paid", reason="payer_timeout")
    await stage.say(gone)
    await stage.received(gone)


async def _line_lost(stage: Stage) -> None:
    """The line is lost before the answer; the answer is there for whoever asks."""
    await _comes_back(stage, off_s=0.0)


async def _rebooted(stage: Stage) -> None:
    await _comes_back(stage, off_s=OFF_S)


async def _comes_back(stage: Stage, off_s: float) -> None:
    if stage.serial:
        raise Skipped("串口没有断线重连")
    pay = await stage.pay()
    mark, stage.dark = len(stage.log), off_s > 0
    result = stage.result(pay, 1, "paid")
    stage.hang_up()
    await asyncio.sleep(off_s)
    stage.dark = False
    if not await stage.until(lambda: any(h.kind == "opened" for h in stage.log[mark:])):
        stage.fault("断线后没有重连")
        return
    await _asks(stage, pay, result, mark, "重连后")


async def _asks(stage: Stage, pay: Heard, result: Fields, mark: int, when: str) -> None:
    """The HIS must find out by itself what became of its bill."""
    asked = await stage.until(lambda: _asked_about(stage, pay, mark))
    stage.no_other_bill(pay, mark)
    if not asked:
        stage.fault(f"{when}没有用 query 查这一笔")
    elif stage.frames_since(mark, "query"):
        return  # a `query` that was answered is delivery enough
    await stage.received(result)


def _asked_about(stage: Stage, pay: Heard, mark: int) -> bool:
    return any(h.id == pay.id for h in stage.frames_since(mark, "query", "pay"))


async def _conflict(stage: Stage) -> None:
    pay = await stage.pay()
    mark = len(stage.log)
    stage.result(pay, 3, "paid")
    said = {"type": "error", "code": "conflict", "id": pay.id, "message": "演练：单号已有结果"}
    await stage.say({**said, "status": "paid"}, pay.seq)
    if not await stage.until(lambda: bool(stage.frames_since(mark, "query"))):
        stage.fault("conflict 之后没有用 query 查这一笔")
    stage.no_other_bill(pay, mark)


async def _busy(stage: Stage) -> None:
    pay = await stage.pay()
    mark = len(stage.log)
    said = {"type": "error", "code": "busy", "id": pay.id, "message": "演练：上一笔尚未结束"}
    await stage.say({**said, "blocking_id": "OTHER-1", "age_s": 7}, pay.seq)
    await asyncio.sleep(CALM_S)
    if len(stage.frames_since(mark, "pay")) > MOST_TRIES:
        stage.fault("busy 之后不停重发 pay：应提示收费员，由人再试")


async def _strangers_result(stage: Stage) -> None:
    pay = await stage.pay()
    stranger = Heard("frame", 0.0, message={"id": f"{pay.id}-OLD", "amount_fen": 1})
    foreign = stage.result(stranger, 2, "paid")
    await stage.say(foreign)
    await stage.received(foreign)
    await _paid(stage, pay)


async def _byte_by_byte(stage: Stage) -> None:
    pay = await stage.pay()
    result = stage.result(pay, 1, "paid", message="支付成功，请交付票据")
    raw, seq, mark = stage.frame(result, pay.seq), stage.seq, len(stage.log)
    await stage.drip(raw, DRIP_S)
    if not await stage.until(lambda: stage.acked(seq, mark), RESEND_S):
        stage.fault("逐字节到来的帧没有得到 ACK：帧不以停顿结束，以 ETX 与 CRC 结束")
        await stage.say_raw(raw, seq)
    await stage.received(result)


async def _noise_and_enq(stage: Stage) -> None:
    pay = await stage.pay()
    mark = len(stage.log)
    stage.put(b"\x00\xff" + frames.ENQ_BYTES)
    if not await stage.until(lambda: stage.acked(0, mark), RESEND_S):
        stage.fault("ENQ（05）没有得到 06 30 30")
    stage.put(b"\xff\x41")
    await _paid(stage, pay)


async def _bad_crc(stage: Stage) -> None:
    pay = await stage.pay()
    result = stage.result(pay, 1, "paid")
    raw, seq, mark = stage.frame(result, pay.seq), stage.seq, len(stage.log)
    digits = b"0000" if raw[-4:] != b"0000" else b"1111"
    stage.put(raw[:-4] + digits)
    await asyncio.sleep(RESEND_S / 8)
    if stage.acked(seq, mark):
        stage.fault("CRC 错的帧也得到了 ACK")
    await stage.say_raw(raw, seq)
    await stage.received(result)


async def _unknown_fields(stage: Stage) -> None:
    """A later version says more; SEQ goes round from FF to 01."""
    pay = await stage.pay()
    stage.seq = frames.LAST_SEQ - 1
    await stage.say({"type": "progress", "id": pay.id, "state": "paying", "wallet": "wechat"})
    result = stage.result(pay, 1, "paid", later="字段", list=[{"a": "1"}])
    await stage.say(result, pay.seq)
    await stage.received(result)


async def _session_lost(stage: Stage) -> None:
    """The box has forgotten the session in the middle of a bill."""
    pay = await stage.pay()
    result, mark = stage.result(pay, 1, "paid"), len(stage.log)
    stage.forget_session()
    if not await stage.until(stage.can_speak):
        stage.fault("得到 hello_required 之后没有重新 hello")
    await _asks(stage, pay, result, mark, "重新 hello 之后")


async def _false_box(stage: Stage) -> None:
    """Whoever answers the hello does not hold the key: he must be told nothing."""
    pay, end = await stage.pay(), _end(stage)
    result, mark, end.lies = stage.result(pay, 1, "paid"), len(stage.log), 1
    stage.forget_session()
    if not await stage.until(lambda: not end.lies):
        stage.fault("得到 hello_required 之后没有重新 hello")
    lied = len(stage.log)
    await stage.until(stage.can_speak, CALM_S)
    told = itertools.takewhile(lambda h: is_sealed(h.raw), _frames(stage, lied))
    if any(told):
        stage.fault("扫码墩的证明（proof）不对，却照常发了请求：没有验证")
    await _asks(stage, pay, result, mark, "重新 hello 之后")


def _end(stage: Stage) -> SealedEnd:
    assert stage.sealed
    return stage.sealed


def _frames(stage: Stage, mark: int) -> list[Heard]:
    return [heard for heard in stage.log[mark:] if heard.kind == "frame"]


async def _replayed(stage: Stage) -> None:
    """Somebody plays an older frame of the box again; its counter is not above the last."""
    pay = await stage.pay()
    old = await stage.say(stage.result(pay, 1, "unknown", state="querying"), pay.seq)
    result = stage.result(pay, 2, "paid")
    await stage.say(result)
    await stage.received(result)
    mark = len(stage.log)
    stage.put(old)
    again = await stage.until(lambda: bool(stage.frames_since(mark, "received")), CALM_S)
    if again:
        stage.fault("重放的旧帧又受理了：计数不大于上一个的要丢弃")


SEALED_SCENES: Scenes = {
    "密封：扫码墩忘了会话（hello_required）": _session_lost,
    "密封：答 hello 的没有密钥": _false_box,
    "密封：旧帧重放": _replayed,
}
"""Only where there is a key, after the others."""

SCENES: Scenes = {
    "平常的一笔": _plain,
    "扫码墩没有收到第一帧": _ack_lost,
    "扫码墩要求重发（NAK）": _refused_frame,
    "结果重复送来": _said_twice,
    "结果来得很晚": _late,
    "先结果不明，后来已支付": _unknown_then_paid,
    "结果不明，正在退回，最后未支付": _unknown_then_back,
    "等结果时断线": _line_lost,
    "等结果时扫码墩断电重启": _rebooted,
    "单号冲突（conflict）": _conflict,
    "上一笔未完（busy）": _busy,
    "送来不认识的单号的结果": _strangers_result,
    "结果逐字节到来": _byte_by_byte,
    "杂字节与 ENQ": _noise_and_enq,
    "结果的 CRC 错": _bad_crc,
    "不认识的字段、进度、SEQ 回到 01": _unknown_fields,
}
