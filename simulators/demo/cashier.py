"""The cashier's HIS program: the HIS simulator, and what its window shows of its own books."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from device.domain.money import format_yuan
from device.domain.words import BUSINESS_NAMES, Business, ErrorCode, Reason
from device.drivers.streams import open_stream
from device.errors import PeerError
from simulators.demo.site import DESK, OPERATOR
from simulators.his import Entry, HisSimulator

MAX_ROWS = 50  # in the window; the books keep all

INPATIENT = frozenset(
    {Business.INPATIENT_DEPOSIT, Business.INPATIENT_PREPAY, Business.INPATIENT_SETTLEMENT}
)
STATUS_WORDS: Mapping[str, tuple[str, str]] = {
    # what the HIS heard -> words and tone
    "": ("已发送", "wait"),
    "armed": ("等待付款码", "wait"),
    "declined": ("此码被拒，可换码", "wait"),
    "paying": ("扣款中", "wait"),
    "password": ("等待输入密码", "wait"),
    "querying": ("确认结果中", "wait"),
    "reversing": ("撤销中，勿入账", "wait"),
    "manual": ("需人工处理", "bad"),
    "unknown": ("结果未定", "wait"),
    "paid": ("已付", "ok"),
    "not_paid": ("未付", "bad"),
    "returned": ("已全额退回", "quiet"),
    "refunded": ("已退", "ok"),
    "pending": ("退款处理中", "wait"),
    "failed": ("退款失败", "bad"),
    "error": ("未受理", "bad"),
}
REASON_WORDS: Mapping[str, str] = {
    Reason.CANCELLED: "已取消",
    Reason.CANCELLED_AT_BOX: "墩上取消",
    Reason.SUPERSEDED: "被新单取代",
    Reason.EXPIRED: "超时未扫码",
    Reason.RESTARTED: "扫码墩重启",
    Reason.OFFLINE: "网络不通",
    Reason.DECLINED_BALANCE: "余额不足",
    Reason.DECLINED_LIMIT: "超限额",
    Reason.DECLINED_CODE: "付款码无效",
    Reason.DECLINED_ACCOUNT: "账户受限",
    Reason.DECLINED_OTHER: "被拒绝",
    Reason.PAYER_TIMEOUT: "患者未完成付款",
    Reason.REVERSED: "已撤销",
    Reason.LATE_PAYMENT_RETURNED: "迟到的付款已退",
}
ERROR_WORDS: Mapping[str, str] = {
    ErrorCode.OFFLINE: "网络不通",
    ErrorCode.BUSY: "上一笔未完",
    ErrorCode.CONFLICT: "与已有的单冲突",
    ErrorCode.NOT_FOUND: "查无此单",
    ErrorCode.BAD_AMOUNT: "金额不对",
    ErrorCode.OVER_REFUND: "超过可退金额",
    ErrorCode.CLOCK_NOT_SET: "时间未校准",
    ErrorCode.STORAGE_FAILED: "存储故障",
}


@dataclass(slots=True)
class Bill:
    """What the HIS knows of a charge besides what the box answers."""

    name: str
    item: str
    amount_fen: int
    progress: str = ""
    pay_id: str = ""
    refunds: list[str] = field(default_factory=list)


class Cashier:
    """One HIS workplace. Every press is a frame; what is shown is what the box answered."""

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self.his = HisSimulator("", open_stream, on_message=self._heard)
        self.bills: dict[str, Bill] = {}
        self.parts: list[dict[str, str]] = []
        self.complaint = ""
        self._on_change = on_change
        self._series = f"{datetime.now().astimezone():%d%H%M%S}"
        self._tasks: set[asyncio.Task[None]] = set()

    async def work(self, his_port: int) -> None:
        """Stay connected to the box through this cable, for ever."""
        self.his.address = f"tcp://127.0.0.1:{his_port}"
        await self.his.run()

    # -------------------------------------------------------------- the keys

    def pay(self, amount_fen: int, business: Business, name: str, wallet: str = "any") -> str:
        """收款: return the new charge's id; the answer comes when the patient has paid."""
        id_ = self._next_id("T")
        self.bills[id_] = Bill(name, BUSINESS_NAMES[business], amount_fen)
        department = "inpatient" if business in INPATIENT else "outpatient"
        self._go(
            self.his.pay(
                id_,
                amount_fen,
                business=business.value,
                department=department,
                operator=OPERATOR,
                patient_name=name,
                wallet=wallet,
            )
        )
        return id_

    def cancel(self, id_: str) -> None:
        """取消."""
        self._go(self.his.cancel(id_))

    def query(self, id_: str) -> None:
        """查询."""
        entry = self.his.books[id_]
        self._go(self.his.ask("query" if entry.type == "pay" else "refund_query", {"id": id_}))

    def refund(self, id_: str, amount_fen: int) -> str:
        """退款 in part or in full: return the refund's id."""
        return self._give_back(id_, "F", amount_fen)

    def reverse(self, id_: str) -> str:
        """撤销 of the whole payment: return the reversal's id."""
        return self._give_back(id_, "V", self.bills[id_].amount_fen)

    def ask_status(self) -> None:
        """Ask for the diagnosis; no side effect whatever (his-link §2)."""
        self._start(self._ask_quietly())

    async def close(self) -> None:
        """Give up waiting."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _give_back(self, pay_id: str, letter: str, amount_fen: int) -> str:
        id_ = self._next_id(letter)
        bill = self.bills[pay_id]
        item = "撤销" if letter == "V" else "退款"
        self.bills[id_] = Bill(bill.name, item, amount_fen, pay_id=pay_id)
        bill.refunds.append(id_)
        if letter == "V":
            self._go(self.his.reverse(id_, pay_id, operator=OPERATOR))
        else:
            self._go(self.his.refund(id_, amount_fen, pay_id=pay_id, operator=OPERATOR))
        return id_

    def _next_id(self, letter: str) -> str:
        return f"{letter}{self._series}{len(self.bills) + 1:02d}"

    def _go(self, asking: Coroutine[object, object, object]) -> None:
        self.complaint = ""
        self._start(self._ask(asking))

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, asking: Coroutine[object, object, object]) -> None:
        """A line that breaks is no answer: the simulator asks again when it is back."""
        try:
            await asking
        except (PeerError, OSError):
            self.complaint = "线路中断，还没有应答；重新连上后自动查询"
        self._on_change()

    async def _ask_quietly(self) -> None:
        with contextlib.suppress(PeerError, OSError):
            await self.his.ask("status")

    # -------------------------------------------------------------- what the window shows

    def _heard(self, direction: str, fields: Mapping[str, object]) -> None:
        if direction == "received":
            self.complaint = ""
        if fields.get("type") == "progress" and (bill := self.bills.get(str(fields["id"]))):
            bill.progress = str(fields["state"])
        if fields.get("type") == "status_result":
            self.parts = list(fields["parts"])  # type: ignore[call-overload]  # a list, his-link §2
        if direction == "received":
            # The simulator's books take the message in after this call.
            asyncio.get_running_loop().call_soon(self._on_change)

    def section(self) -> dict[str, object]:
        """Return the window: newest first."""
        rows = [self._row(entry) for entry in self.his.books.values() if entry.id in self.bills]
        return {
            "desk": DESK,
            "operator": OPERATOR,
            "businesses": [(b.value, name) for b, name in BUSINESS_NAMES.items()],
            "newest": rows[-1]["id"] if rows else "",
            "rows": rows[: -MAX_ROWS - 1 : -1],
            "complaint": self.complaint,
        }

    def _row(self, entry: Entry) -> dict[str, object]:
        bill = self.bills[entry.id]
        result = entry.result or {}
        text, tone = self._words(entry, bill)
        refunded = self._refunded_fen(entry, bill)
        return {
            "id": entry.id,
            "kind": entry.type,
            "name": bill.name,
            "item": bill.item,
            "amount_fen": bill.amount_fen,
            "refunded_fen": refunded,
            "text": text,
            "tone": tone,
            "message": (entry.error or result).get("message", ""),
            "can": _allowed(entry, refunded < bill.amount_fen),
        }

    def _words(self, entry: Entry, bill: Bill) -> tuple[str, str]:
        if entry.error is not None:
            text, tone = STATUS_WORDS["error"]
            code = str(entry.error.get("code", ""))
            return f"{text}：{ERROR_WORDS.get(code, code)}", tone
        result = entry.result or {}
        state = str(result.get("state") or bill.progress) if not entry.final else entry.status
        text, tone = STATUS_WORDS.get(state, STATUS_WORDS["unknown"])
        reason = REASON_WORDS.get(str(result.get("reason", "")), "") if entry.final else ""
        refunded = self._refunded_fen(entry, bill)
        if entry.status == "paid" and refunded:
            return f"{text}，退 {format_yuan(refunded)}", tone
        return (f"{text}：{reason}" if reason else text), tone

    def _refunded_fen(self, entry: Entry, bill: Bill) -> int:
        """What the HIS heard was given back, by the charge's answer or by the refunds' own."""
        told = int((entry.result or {}).get("refunded_fen", 0))
        done = [self.his.books[i] for i in bill.refunds if i in self.his.books]
        return max(told, sum(self.bills[e.id].amount_fen for e in done if e.status == "refunded"))


def _allowed(entry: Entry, some_left: bool) -> list[str]:  # noqa: FBT001  a fact of the row
    """Which keys make sense for a row; the box decides all the same."""
    can = ["query"]
    if entry.type == "pay" and not entry.final:
        can.append("cancel")
    if entry.type == "pay" and entry.status == "paid" and some_left:
        can += ["refund", "reverse"]
    return can
