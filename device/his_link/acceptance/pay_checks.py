"""What a box must do with requests (his-link §2, §3): money, ids, refusals, delivery."""

import time
from typing import Any

from device.his_link.acceptance.visit import BUSINESS, Skipped, Visit, must, told
from device.his_link.calls import Fields

QUERY_S = 0.5  # 50 ms by the book; a slow network and a busy computer are allowed for
OFFER_S = 5.0  # a reconnect is seen at once
SERIAL_OFFER_S = 40.0  # nobody sees a program reopen its port: the box offers every 30 s
PARTS = frozenset({"scanner", "display", "his_link", "clock", "disk", "journal"})
RESULT_FIELDS = frozenset(
    {
        "id",
        "try",
        "revision",
        "status",
        "message",
        "wallet",
        "amount_fen",
        "refunded_fen",
        "out_trade_no",
    }
)


async def _hello(visit: Visit) -> None:
    answer = await visit.ask("hello", v=1)
    must(answer.get("type") == "hello_ok", f"hello 应答 hello_ok，却是 {told(answer)}")
    must(answer.get("v") == 1, "hello_ok 的 v 应为 1")
    missing = {"box", "desk", "time", "unsettled", "undelivered"} - set(answer)
    must(not missing, f"hello_ok 缺少 {'、'.join(sorted(missing))}")


async def _status(visit: Visit) -> None:
    answer = await visit.ask("status")
    parts = {p.get("part") for p in answer.get("parts", [])}
    must(parts >= PARTS, f"status_result 缺少 {'、'.join(sorted(PARTS - parts))}")
    must(all(p.get("state") in {"ok", "warn", "fail"} for p in answer["parts"]), "state 取值不对")


async def _bad_requests(visit: Visit) -> None:
    await visit.refused("unsupported", "sing")
    await visit.refused("bad_message", "query")
    await visit.refused("bad_message", "pay", id="a b", amount_fen=1, business=BUSINESS)
    await visit.refused("bad_message", "pay", id=visit.id(), amount_fen=1)
    await visit.refused("not_allowed", "status", desk="另一个窗口")


async def _bad_amounts(visit: Visit) -> None:
    over = visit.max_amount_fen + 1
    for fields in ({"amount_fen": 0}, {"amount_fen": over}, {"amount": "1.005"}, {}):
        await visit.refused("bad_amount", "pay", id=visit.id(), business=BUSINESS, **fields)
    twice = {"amount": "0.01", "amount_fen": 1}
    await visit.refused("bad_amount", "pay", id=visit.id(), business=BUSINESS, **twice)
    answer = await visit.ask("pay", id=visit.id(), business=BUSINESS, amount_fen=0.5)
    must(answer.get("type") == "error", "金额为 JSON 小数应被拒绝")


async def _never_seen(visit: Visit) -> None:
    await visit.refused("not_found", "query", id=visit.id())
    await visit.refused("not_found", "refund_query", id=visit.id())
    await visit.refused("not_found", "reverse", id=visit.id(), pay_id=visit.id())


async def _paid_once(visit: Visit) -> None:
    id_ = visit.id()
    paid = await visit.paid(id_, 3)
    missing = RESULT_FIELDS - set(paid)
    must(not missing, f"result 缺少 {'、'.join(sorted(missing))}")
    must(
        (paid["id"], paid["try"], paid["amount_fen"]) == (id_, 1, 3),
        "result 的单号、try 或金额不对",
    )
    must(paid["out_trade_no"], "result 没有 out_trade_no")
    must(isinstance(paid["revision"], int) and paid["revision"] >= 1, "revision 应从 1 起")
    again = await visit.pay_again(id_, 3)
    _same(paid, again, "同一 pay 再来")
    _same(paid, await visit.ask("query", id=id_), "query")
    await visit.refused("conflict", "pay", id=id_, amount_fen=4, business=BUSINESS)
    await visit.refused("conflict", "pay", id=id_, amount_fen=3, business=BUSINESS, try_=2)
    last = await visit.ask("last")
    must(last.get("id") == id_, "last 应为最近一笔")


def _same(first: Fields, second: Fields, what: str) -> None:
    for name in ("status", "out_trade_no", "amount_fen", "revision"):
        must(
            first.get(name) == second.get(name),
            f"{what}：{name} 由 {first.get(name)} 变为 {second.get(name)}",
        )


async def _armed_and_cancelled(visit: Visit) -> None:
    id_, other = visit.id(), visit.id()
    visit.post("pay", id=id_, amount_fen=5, business=BUSINESS, ttl_s=60)
    started_s = time.monotonic()
    answer = await armed(visit, id_)
    must(answer.get("state") == "armed", f"等待扫码应为 unknown armed，却是 {told(answer)}")
    took_s = time.monotonic() - started_s
    busy = await visit.refused("busy", "pay", id=other, amount_fen=1, business=BUSINESS)
    must(busy.get("blocking_id") == id_, "busy 没有说明是哪一笔（blocking_id）")
    cancelled = await visit.ask("cancel", id=id_)
    must(cancelled.get("status") == "not_paid", f"取消后应为 not_paid，却是 {told(cancelled)}")
    must(cancelled.get("reason") == "cancelled", "取消的 reason 应为 cancelled")
    after = await visit.ask("query", id=id_)
    must(after.get("revision", 0) >= cancelled["revision"], "revision 变小了")
    must(after.get("status") == "not_paid", "取消之后查询不是 not_paid")
    must(took_s < QUERY_S * 10, f"收款开始后 {took_s:.1f} 秒才能查询")
    await visit.paid(id_, 5, try_=2)


async def armed(visit: Visit, id_: str) -> Fields:
    """Query until the amount is armed: the box may first warm its connections."""
    for _ in range(40):
        answer = await visit.ask("query", id=id_)
        if answer.get("type") != "error":
            return answer
    return answer


async def _wallet_pinned(visit: Visit) -> None:
    if visit.prompt:
        raise Skipped("需要仿真付款码")
    id_ = visit.id()
    pinned = {"id": id_, "amount_fen": 2, "business": BUSINESS, "wallet": "alipay"}
    visit.post("pay", **pinned, auth_code=visit.code())
    answer = await armed(visit, id_)
    must(answer.get("status") == "unknown", f"另一个钱包的码被用掉了：{told(answer)}")
    cancelled = await visit.ask("cancel", id=id_)
    must(cancelled.get("status") == "not_paid", f"取消后应为 not_paid，却是 {told(cancelled)}")


async def _given_back(visit: Visit) -> None:
    pay_id, part, rest = visit.id(), visit.id(), visit.id()
    await visit.paid(pay_id, 5)
    first = await _refunded(visit, part, pay_id=pay_id, amount_fen=2)
    must(first.get("amount_fen") == 2, "refund_result 的金额不对")  # noqa: PLR2004  as asked
    again = await _refunded(visit, part, pay_id=pay_id, amount_fen=2)
    must(first.get("out_refund_no") == again.get("out_refund_no"), "同一退款再来换了 out_refund_no")
    _same(first, await visit.ask("refund_query", id=part), "refund_query")
    await visit.refused("conflict", "refund", id=part, pay_id=pay_id, amount_fen=1)
    await visit.refused("over_refund", "refund", id=visit.id(), pay_id=pay_id, amount_fen=4)
    partly = await visit.ask("query", id=pay_id)
    must(partly.get("refunded_fen") == 2, "退款后 refunded_fen 不对")  # noqa: PLR2004  as asked
    back = await visit.ask("reverse", PAY_BACK_S, id=rest, pay_id=pay_id)
    back = await _ended(visit, rest, back)
    must(back.get("status") == "refunded", f"撤销余款应为 refunded，却是 {told(back)}")
    after = await visit.ask("query", id=pay_id)
    must(after.get("status") == "returned", f"全部退回后应为 returned，却是 {told(after)}")
    must(after.get("refunded_fen") == 5, "全部退回后 refunded_fen 不对")  # noqa: PLR2004  as paid


PAY_BACK_S = 60.0  # a provider's refund


async def _refunded(visit: Visit, id_: str, **fields: Any) -> Fields:
    answer = await visit.ask("refund", PAY_BACK_S, id=id_, **fields)
    answer = await _ended(visit, id_, answer)
    must(answer.get("status") == "refunded", f"退款应为 refunded，却是 {told(answer)}")
    return answer


async def _ended(visit: Visit, id_: str, answer: Fields) -> Fields:
    while answer.get("status") in {"pending", "unknown"}:
        answer = await visit.next_about(id_, PAY_BACK_S)
    if answer.get("type") == "refund_result":
        await visit.received(answer)
    return answer


async def _delivered(visit: Visit) -> None:
    id_ = visit.id()
    answer = await visit.pay(id_, 4)
    must(answer.get("status") == "paid", f"付款应为 paid，却是 {told(answer)}")
    await visit.hang_up()
    await visit.connect()
    listed = await visit.ask("hello", v=1)
    must(id_ in _ids(listed.get("undelivered")), "没有确认的结果不在 hello_ok.undelivered 里")
    offered = await visit.next_about(id_, SERIAL_OFFER_S if visit.serial else OFFER_S)
    _same(answer, offered, "重连后再送")
    await visit.received(offered)
    if visit.serial:  # what was on its way already is no second offer
        await visit.heard(id_)
    await visit.hang_up()
    await visit.connect()
    listed = await visit.ask("hello", v=1)
    must(id_ not in _ids(listed.get("undelivered")), "已确认的结果仍在 hello_ok.undelivered 里")
    must(await visit.heard(id_) is None, "已确认的结果又送来一次")


def _ids(entries: object) -> set[str]:
    """Ids in `hello_ok`: words, or entries with a date where ids restart daily."""
    found = entries if isinstance(entries, list) else []
    return {e["id"] if isinstance(e, dict) else str(e) for e in found}


async def _second_connection(visit: Visit) -> None:
    if visit.serial:
        raise Skipped("串口只有一条连接")
    id_ = visit.id()
    visit.post("pay", id=id_, amount_fen=6, business=BUSINESS, ttl_s=60)
    await armed(visit, id_)
    other = await visit.another()
    try:
        seen = await other.request("query", visit.dated("query", {"id": id_}))
        must(seen.get("status") == "unknown", f"第二条连接查询应为 unknown，却是 {told(seen)}")
        bill = {"id": visit.id(), "amount_fen": 1, "business": BUSINESS}
        cut = await other.request("pay", visit.dated("pay", bill))
        must(cut.get("code") == "busy", f"第二条连接插队应答 busy，却是 {told(cut)}")
    finally:
        other.close()
    await visit.ask("cancel", id=id_)


PAY_CHECKS = {
    "hello 得到 hello_ok：协议、窗口、时间、未了结": _hello,
    "status 逐项自检，与 SEQ 对应": _status,
    "不认识的、缺字段的、别的窗口的，逐一拒绝": _bad_requests,
    "金额：零、超限、小数、给两次，一概拒绝": _bad_amounts,
    "没见过的单号：not_found": _never_seen,
    "收款成功；同一请求再来只得到同一结果": _paid_once,
    "等待扫码时：可查、不收第二笔、可取消": _armed_and_cancelled,
    "指定钱包：另一个钱包的码不受理，仍可取消": _wallet_pinned,
    "部分退款、重复退款、超额、撤销余款": _given_back,
    "没有确认的结果重连后再送，确认后不再送": _delivered,
    "第二条连接：可查询，收款中不可插队": _second_connection,
}
"""By the line of the report."""
