"""What a box must do at the desk (his-link §3): two steps, a bill replaced, the day's sums."""

from device.his_link.acceptance.pay_checks import armed
from device.his_link.acceptance.visit import BUSINESS, PAY_S, Visit, must, told
from device.his_link.calls import Fields


async def _booked(visit: Visit) -> None:
    """An offer counts once the HIS has said that it booked it."""
    id_ = visit.id()
    offer = await visit.paid(id_, 7, confirm=True)
    must(offer.get("booked") is False, "confirm:true 的 paid 应为 booked:false，等 HIS 入账")
    booked = await visit.ask("confirm", id=id_, booked=True)
    must(booked.get("status") == "paid", f"入账后应为 paid，却是 {told(booked)}")
    must(booked.get("booked") is True, "入账后应为 booked:true")
    again = await visit.ask("confirm", id=id_, booked=True)
    must(again.get("revision") == booked.get("revision"), "再次 confirm 换了 revision")
    await visit.refused("conflict", "confirm", id=id_, booked=False)


async def _not_booked(visit: Visit) -> None:
    """What the HIS cannot book goes back by itself."""
    id_ = visit.id()
    await visit.paid(id_, 8, confirm=True)
    answer = await visit.ask("confirm", id=id_, booked=False)
    while answer.get("status") == "unknown":
        must(answer.get("state") == "reversing", f"退回中应为 reversing，却是 {told(answer)}")
        answer = await visit.next_about(id_, PAY_S)
    await visit.received(answer)
    must(answer.get("status") == "returned", f"未入账的应退回为 returned，却是 {told(answer)}")
    must(answer.get("reason") == "not_booked", "未入账而退回的 reason 应为 not_booked")


async def _superseded(visit: Visit) -> None:
    """A new bill takes the place of one that nobody has paid."""
    first, second = visit.id(), visit.id()
    visit.post("pay", id=first, amount_fen=5, business=BUSINESS, ttl_s=60)
    await armed(visit, first)
    visit.post("pay", id=second, amount_fen=6, business=BUSINESS, ttl_s=60, supersede=True)
    answer = await armed(visit, second)
    must(answer.get("state") == "armed", f"替换的一笔应为 unknown armed，却是 {told(answer)}")
    old = await visit.ask("query", id=first)
    must(old.get("status") == "not_paid", f"被替换的应为 not_paid，却是 {told(old)}")
    must(old.get("reason") == "superseded", "被替换的 reason 应为 superseded")
    await visit.ask("cancel", id=second)


async def _summed(visit: Visit) -> None:
    """The day's sums grow by what was paid."""
    today = str((await visit.ask("hello", v=1)).get("time", ""))[:10]
    before = await visit.ask("summary", date=today)
    paid = await visit.paid(visit.id(), 9)
    date = str(paid.get("paid_at", today))[:10]
    before = before if date == today else {}  # midnight has passed
    grown = _paid_fen(await visit.ask("summary", date=date)) - _paid_fen(before)
    must(grown == 9, f"summary 应多 9 分，却多了 {grown} 分")  # noqa: PLR2004  as paid


def _paid_fen(summary: Fields) -> int:
    return sum(row["paid_fen"] for row in summary.get("rows", ()))


DESK_CHECKS = {
    "两步入账：confirm booked:true 之后才算，可重复，不可反悔": _booked,
    "两步入账：booked:false 自动退回": _not_booked,
    "supersede 替换尚未扫码的一笔": _superseded,
    "summary 与收款相符": _summed,
}
"""By the line of the report."""
