# ruff: noqa: ARG002  every way of getting in the way is called alike
"""The cashier and her HIS: collects, waits or does not, cancels, asks again, undoes and refunds."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from device.his_link.calls import Fields
from simulators.world.booker import BOOKS_IN_TWO_STEPS, Booker
from simulators.world.chance import Stream
from simulators.world.repeats import Repeats
from simulators.world.time import START
from simulators.world.view import Key
from simulators.world.world import World

WISHED = frozenset({"paying", "password", "querying"})
"""States in which a `cancel` is stored as a wish."""
FINAL = frozenset({"paid", "not_paid", "returned"})
BUSINESSES = ("registration", "outpatient_fee", "inpatient_deposit", "outpatient_prepay")
MANNERS: Mapping[str, float] = {
    "cancels": 4,
    "gives_up": 1.5,
    "impatient": 3,
    "sends_again": 2,
    "reconnects": 2,
    "second_connection": 1.5,
    "contradicts": 1.5,
    "asks_late": 0.7,
    "supersedes": 2,
    "vanishes": 1.5,
}
AFTERWARDS: Mapping[str, float] = {
    "refund": 4,
    "refund_in_parts": 2,
    "refund_twice": 2,
    "refund_over": 1,
    "reverse": 3,
    "reverse_then_refund": 1.5,
    "pay_again": 2,
    "next_try": 1,
    "refund_elsewhere": 1,
    "refund_of_another_desk": 1,
}
OWN_SCANNER = 0.04  # of the bills are paid with a code that the HIS itself has read
RETRY_S = 3.0  # between two tries of a HIS that was told busy or offline
TRIES = 40
BILLS_A_DAY = 4  # where ids restart daily: a short day, so that they do
WAIT_S = 400.0
BOOT_PATIENCE_S = 4000.0
ANSWERED = frozenset({"result", "refund_result"})


@dataclass(slots=True)
class Bill:
    """What one patient owes."""

    his_id: str
    number: int
    amount_fen: int
    fields: Fields
    try_: int = 1

    @property
    def dated(self) -> Fields:
        """`business_date`, where ids restart daily."""
        return {k: v for k, v in self.fields.items() if k == "business_date"}

    @property
    def name(self) -> str:
        """What the world calls it: no other bill has this name."""
        return f"{self.fields.get('business_date', '')} {self.his_id}".strip()

    @property
    def about(self) -> Fields:
        """The fields of a question about it."""
        return {"id": self.his_id, **self.dated}

    @property
    def of_pay(self) -> Fields:
        """The fields by which a refund or reverse names it."""
        return {"pay_id": self.his_id, **self.dated}

    @property
    def refund_id(self) -> str:
        """The start of its refunds' ids: those are never used again, on no day."""
        return f"R{self.number:06d}"

    @property
    def pay(self) -> Fields:
        """The fields of `pay`."""
        return {**self.fields, "id": self.his_id, "amount_fen": self.amount_fen, "try": self.try_}


class Cashier:
    """Serves one patient after another at one desk."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._his = world.his
        self._booker = Booker(world, self.link_up)
        self.repeats = Repeats(world, self.link_up)

    async def serve(self, number: int, share: float) -> None:
        """One patient: collect, then perhaps change the mind."""
        stream = self._world.chance.stream(f"p{number}/his")
        bill = self._bill(number, stream)
        wallet = str(bill.fields.get("wallet") or stream.choice(("wechat", "alipay")))
        manner = stream.fault(share, MANNERS)
        for _ in range(2):
            end = await self._collect(bill, wallet, manner, stream, number, share)
            unpaid = end is not None and end.get("status") == "not_paid"
            gone = end is not None and end.get("state") == "reversing"
            if not (unpaid or gone) or not stream.happens(0.5):
                break
            if unpaid and share and stream.happens(0.3):
                await self._same_try(bill)
            self._world.sometimes("next try after not_paid" if unpaid else "next try too early")
            bill.try_, manner = bill.try_ + 1, ""
        stands = bool(end and end.get("status") == "paid")
        if stands and bill.fields.get("confirm"):
            words = self._world.chance.stream(f"p{number}/confirm")
            stands = await self._booker.answer(bill, words, share)
        if stands:
            await self._afterwards(bill, stream, share)

    def _bill(self, number: int, stream: Stream) -> Bill:
        name = "张" + "".join(stream.choice("伟芳娜敏静丽强磊军洋") for _ in range(2))
        identity = stream.digits(11)
        self._world.scans.identities.append(identity)
        fields: Fields = {
            "business": stream.choice(BUSINESSES),
            "operator": f"{stream.whole(1, 99):04d}",
            "patient_name": name,
            "patient_id": f"P{identity}",
        }
        if stream.happens(0.25):
            fields["wallet"] = stream.choice(("wechat", "alipay"))
        if stream.happens(0.3):
            fields["ttl_s"] = stream.whole(10, 300)
        if self._world.chance.stream(f"p{number}/confirm").happens(BOOKS_IN_TWO_STEPS):
            fields["confirm"] = True
        amount_fen = 1 + int(stream.spread(1, 90_000))
        his_id = f"MZ{number:06d}"
        if self._world.daily_ids:
            day, nth = divmod(number - 1, BILLS_A_DAY)
            his_id, fields["business_date"] = f"MZ{nth:06d}", f"{START + timedelta(day):%Y-%m-%d}"
            if day:
                self._world.sometimes("ids restarted daily")
        return Bill(his_id, number, amount_fen, fields)

    @staticmethod
    def about(name: str) -> Fields:
        """The fields of a question about the bill of this name."""
        date, _, his_id = name.rpartition(" ")
        return {"id": his_id, "business_date": date} if date else {"id": his_id}

    # ------------------------------------------------------------ collecting

    async def _collect(  # noqa: PLR0913  the bill, and everything that may go wrong with it
        self, bill: Bill, wallet: str, manner: str, stream: Stream, number: int, share: float
    ) -> Fields | None:
        world = self._world
        world.expect(bill.name, bill.try_, bill.amount_fen)
        patient = world.patient(f"p{number}.{bill.try_}")
        if bill.try_ == 1 and world.chance.stream(f"p{number}/own").happens(OWN_SCANNER):
            world.sometimes("a code of the HIS's own scanner")
            bill.fields["auth_code"] = code = patient.new_code(wallet, share)
            world.scans.note(code, bill.amount_fen)
        coming = asyncio.ensure_future(patient.come(wallet, share))
        if manner == "supersedes":
            await self._send_another_first(bill, stream)
        meddling = asyncio.ensure_future(self._meddle(bill, manner, stream))
        try:
            return await self._until_final(bill, manner, stream)
        finally:
            coming.cancel()
            meddling.cancel()
            bill.fields.pop("auth_code", None)
            bill.fields.pop("supersede", None)

    async def _same_try(self, bill: Bill) -> None:
        """A HIS that forgot to count up: the same try is not collected again."""
        answer = await self._his.ask("pay", bill.pay)
        if answer and answer.get("type") == "result" and answer["status"] != "not_paid":
            self._world.view.blame("M14", f"{bill.name}: the same try again is {answer['status']}")

    async def _until_final(self, bill: Bill, manner: str, stream: Stream) -> Fields | None:
        """Pay, and ask until it is known; None if it could not be collected or nobody asked on."""
        his, world = self._his, self._world
        patience_s = stream.spread(3.0, 60.0) if manner == "impatient" else WAIT_S
        answer: Fields | None = None
        for _ in range(TRIES):
            if not await self.link_up():
                return None
            boots = world.cuts
            world.view.busy_with = bill.his_id
            answer = await his.ask("pay", bill.pay, timeout_s=patience_s)
            world.view.busy_with = ""
            self._check_about(bill.his_id, answer)
            if world.cuts > boots:
                world.sometimes("HIS asks again after reboot")
            if manner == "gives_up" and stream.happens(0.7):
                world.sometimes("HIS never asks again")
                return None
            if answer is None:
                answer = await his.ask("query", {**bill.about, "try": bill.try_})
            if answer is not None and answer.get("type") == "result":
                return await self._settled(bill, answer)
            if answer is not None and answer.get("code") == "conflict":
                return await his.ask("query", {**bill.about, "try": bill.try_})
            await asyncio.sleep(RETRY_S)
        return None

    async def _settled(self, bill: Bill, answer: Fields) -> Fields | None:
        """Take a result; while unknown wait for the next, or ask."""
        his, world = self._his, self._world
        ends = world.loop.time() + WAIT_S
        while True:
            his.received(answer)
            gone = answer.get("state") == "reversing"  # the bill may be paid otherwise now
            if answer.get("status") in FINAL or gone or world.loop.time() > ends:
                return answer
            await asyncio.sleep(4.0)
            if not await self.link_up():
                return None
            told = his.newest.get(bill.name)
            if told and told.get("try") == bill.try_ and told["revision"] > answer["revision"]:
                answer = told
                continue
            asked = await his.ask("query", {**bill.about, "try": bill.try_})
            if asked is not None and asked.get("type") == "result":
                answer = asked

    async def link_up(self) -> bool:
        """Wait for a box and a connection to it."""
        world, his = self._world, self._his
        try:
            async with asyncio.timeout(BOOT_PATIENCE_S):
                await world.up.wait()
        except TimeoutError:
            return False
        if not his.connected():
            assert world.box
            his.connect(world.box)
            await his.ask("hello", {"v": 1, "his": "sim"})
        return True

    # ------------------------------------------------------------ getting in the way

    async def _meddle(self, bill: Bill, manner: str, stream: Stream) -> None:
        if not manner:
            return
        await asyncio.sleep(stream.spread(0.02, 60.0))
        await {
            "cancels": self._cancel,
            "sends_again": self._send_again,
            "reconnects": self._reconnect,
            "second_connection": self._second,
            "contradicts": self._other_amount,
            "asks_late": self._ask_late,
            "vanishes": self._vanish,
        }.get(manner, self._nothing)(bill, stream)

    async def _nothing(self, bill: Bill, stream: Stream) -> None:
        """Only waiting differs."""

    async def _cancel(self, bill: Bill, stream: Stream) -> None:
        world, his = self._world, self._his
        state = self._attempt_state(bill)
        if stream.happens(0.3):
            if world.box:
                world.box.press()
            return
        answer = await his.ask("cancel", bill.about)
        self._check_about(bill.his_id, answer)
        taken = answer and answer.get("status") == "unknown" and answer.get("state") in WISHED
        if answer and taken and answer.get("reason") != "storage_failed":
            world.view.wished.add(Key(bill.name, answer["try"]))
        if state == "waiting":
            world.sometimes("cashier cancels while the patient types")
        if answer and answer.get("type") == "result" and answer["status"] == "paid":
            world.sometimes("cancel crosses paid")

    async def _send_again(self, bill: Bill, stream: Stream) -> None:
        self._world.sometimes("same id in flight")
        answer = await self._his.ask("pay", bill.pay)
        self._check_about(bill.his_id, answer)

    async def _reconnect(self, bill: Bill, stream: Stream) -> None:
        self._world.sometimes("HIS link lost before the result")
        self._his.unplug()

    async def _vanish(self, bill: Bill, stream: Stream) -> None:
        """The desk stays with who says nothing, until ENQ goes unanswered for ten seconds."""
        self._world.sometimes("HIS vanishes without closing")
        self._his.vanish()

    async def _send_another_first(self, bill: Bill, stream: Stream) -> None:
        """Another amount is armed, and the right one takes its place."""
        if not await self.link_up():
            return
        amount_fen = bill.amount_fen + stream.whole(1, 5000)
        other = {**bill.pay, "id": f"{bill.his_id}-S", "amount_fen": amount_fen}
        other.pop("auth_code", None)
        self._world.expect(f"{bill.name}-S", bill.try_, amount_fen)
        first = asyncio.ensure_future(self._his.ask("pay", other, timeout_s=WAIT_S))
        first.add_done_callback(self._note_replaced)
        bill.fields["supersede"] = True
        await asyncio.sleep(stream.spread(0.01, 30.0))

    def _note_replaced(self, told: asyncio.Future[Fields | None]) -> None:
        answer = None if told.cancelled() else told.result()
        if answer and answer.get("reason") == "superseded":
            self._world.sometimes("an armed amount replaced")

    async def _second(self, bill: Bill, stream: Stream) -> None:
        world = self._world
        if world.box is None or not world.box.ready:
            return
        world.sometimes("two HIS connections")
        from simulators.world.his import His  # noqa: PLC0415

        other = His(world.loop, stream, world._on_said, world.on_astray, "other")  # noqa: SLF001
        other.connect(world.box)
        box, seat = world.box, world.box.desk.state.seat
        for type_ in ("status", "query", "cancel", "pay"):
            fields = {**bill.pay, "id": f"{bill.his_id}-X"} if type_ == "pay" else {}
            if type_ == "pay":
                world.expect(f"{bill.name}-X", bill.try_, bill.amount_fen)
            answer = await other.ask(type_, {**bill.about, **fields})
            self._check_about(str(fields.get("id", bill.his_id)), answer)
            taken = answer is not None and answer.get("reason") == "cancelled"
            if taken and seat and world.box is box and self._his.connected():
                world.view.blame("M13", f"the desk is another's, and {type_} got {answer}")
        other.unplug()

    async def _other_amount(self, bill: Bill, stream: Stream) -> None:
        self._world.sometimes("same id with another amount")
        other = {**bill.pay, "amount_fen": bill.amount_fen + 1}
        self._world.expect(bill.name, bill.try_, bill.amount_fen + 1)
        known = self._his.newest.get(bill.name) or self._attempt_state(bill)
        answer = await self._his.ask("pay", other)
        if known and answer and answer.get("code") not in {"conflict", "busy"}:
            self._world.view.blame("M15", f"{bill.his_id} with another amount: {answer}")

    async def _ask_late(self, bill: Bill, stream: Stream) -> None:
        await asyncio.sleep(stream.between(1801.0, 2500.0))

    def _attempt_state(self, bill: Bill) -> str:
        sql = (
            "SELECT state FROM attempts WHERE his_id = ? AND business_date = ? AND try = ?"
            " ORDER BY number DESC"
        )
        date = bill.dated.get("business_date", "")
        rows = self._world.disk.rows(sql, bill.his_id, date, bill.try_)
        return str(rows[0][0]) if rows else ""

    def _check_about(self, his_id: str, answer: Fields | None) -> None:
        """M13: an answer is about what was asked."""
        if answer is not None and answer.get("id", his_id) != his_id:
            self._world.view.blame("M13", f"asked about {his_id}, answered {answer['id']}")

    # ------------------------------------------------------------ giving back

    async def _afterwards(self, bill: Bill, stream: Stream, share: float) -> None:
        kind = stream.fault(0.05 + share * 2 / 3, AFTERWARDS)
        if not kind:
            return
        await asyncio.sleep(stream.spread(0.1, 600.0))
        if not await self.link_up():
            return
        await {
            "refund": self._refund,
            "refund_in_parts": self._refund_in_parts,
            "refund_twice": self._refund_twice,
            "refund_over": self._refund_over,
            "reverse": self._reverse,
            "reverse_then_refund": self._reverse_then_refund,
            "pay_again": self._pay_again,
            "next_try": self._next_try,
            "refund_elsewhere": self._refund_elsewhere,
            "refund_of_another_desk": self._refund_of_another_desk,
        }[kind](bill, stream)

    async def _give_back(self, type_: str, id_: str, fields: dict[str, Any]) -> Fields | None:
        if "pay_id" in fields:
            name = f"{fields.get('business_date', '')} {fields['pay_id']}".strip()
            self._world.view.undone.add(name)
        self.repeats.note(type_, {"id": id_, **fields})
        for _ in range(6):
            if not await self.link_up():
                return None
            answer = await self._his.ask(type_, {"id": id_, **fields}, timeout_s=20.0)
            self._check_about(id_, answer)
            if answer is not None and answer.get("code") not in {"busy", "storage_failed"}:
                self._his.received(answer)
                return answer
            await asyncio.sleep(5.0)
        return None

    async def _refund(self, bill: Bill, stream: Stream) -> None:
        part = bill.amount_fen if stream.happens(0.5) else stream.whole(1, bill.amount_fen)
        fields = {**bill.of_pay, "amount_fen": part}
        answer = await self._give_back("refund", bill.refund_id, fields)
        self._note_refund(answer)

    def _note_refund(self, answer: Fields | None) -> None:
        if answer and answer.get("status") == "refunded":
            self._world.sometimes("refund good")

    async def _refund_in_parts(self, bill: Bill, stream: Stream) -> None:
        left = bill.amount_fen
        for part in range(stream.whole(2, 4)):
            fen = max(1, left // 2)
            fields = {**bill.of_pay, "amount_fen": fen}
            answer = await self._give_back("refund", f"{bill.refund_id}-{part}", fields)
            if answer and answer.get("status") == "refunded":
                self._world.sometimes("refund good")
                left -= fen
            if left < 1:
                return

    async def _refund_twice(self, bill: Bill, stream: Stream) -> None:
        self._world.sometimes("refund twice with one id")
        fields = {**bill.of_pay, "amount_fen": max(1, bill.amount_fen // 2)}
        for _ in range(2):
            self._note_refund(await self._give_back("refund", bill.refund_id, fields))

    async def _refund_over(self, bill: Bill, stream: Stream) -> None:
        self._world.sometimes("refund over the amount")
        fields = {**bill.of_pay, "amount_fen": self._paid_fen(bill) + 1}
        answer = await self._give_back("refund", bill.refund_id, fields)
        if answer and answer.get("status") in {"refunded", "pending"}:
            self._world.view.blame("M24", f"{bill.his_id}: a refund over the amount: {answer}")

    async def _reverse(self, bill: Bill, stream: Stream) -> None:
        self._world.sometimes("reverse asked by the HIS")
        await self._give_back("reverse", f"V{bill.number:06d}", bill.of_pay)

    async def _reverse_then_refund(self, bill: Bill, stream: Stream) -> None:
        self._world.sometimes("refund while reversing")
        undo = self._give_back("reverse", f"V{bill.number:06d}", bill.of_pay)
        first = asyncio.ensure_future(undo)
        await asyncio.sleep(stream.spread(0.005, 1.0))
        fields = {**bill.of_pay, "amount_fen": 1}
        await self._his.ask("refund", {"id": bill.refund_id, **fields})
        await first

    def _paid_fen(self, bill: Bill) -> int:
        """What was paid: a HIS that contradicts itself may have collected the other amount."""
        return int(self._his.newest.get(bill.name, {}).get("amount_fen", bill.amount_fen))

    async def _refund_elsewhere(self, bill: Bill, stream: Stream) -> None:
        """The desk next door gives a part back; ours may give the rest, and not a fen more."""
        world, number = self._world, self._his.newest[bill.name].get("out_trade_no", "")
        paid_fen = self._paid_fen(bill)
        trade, part = world.view.trade(number), stream.whole(1, paid_fen)
        if trade is None or not world.neighbour.refunds(trade, part):
            return
        world.sometimes("refund at another desk")
        world.view.elsewhere.add(number)
        world.view.disturbed.add(number)  # a reverse of what is partly gone is tried a few times
        fen = stream.choice((paid_fen, max(1, paid_fen - part)))
        if stream.happens(0.3):  # which undoes the whole, and meets a part that is gone
            await self._reverse(bill, stream)
            return
        answer = await self._give_back("refund", bill.refund_id, {**bill.of_pay, "amount_fen": fen})
        good = answer is not None and answer.get("status") == "refunded"
        if good and fen + part > paid_fen:
            world.view.blame("M24", f"{bill.name}: given back {fen} fen after {part} elsewhere")

    async def _refund_of_another_desk(self, bill: Bill, stream: Stream) -> None:
        """An order that was paid next door is given back here, by its number."""
        world = self._world
        world.sometimes("an order of another desk refunded here")
        number = world.neighbour.collects(stream.choice(("wechat", "alipay")), bill.amount_fen)
        fields = {"out_trade_no": number, "amount_fen": stream.whole(1, bill.amount_fen)}
        self._note_refund(await self._give_back("refund", f"{bill.refund_id}-F", fields))

    async def _next_try(self, bill: Bill, stream: Stream) -> None:
        """A paid bill is collected once more under its next try: `conflict`, and no amount."""
        world = self._world
        world.sometimes("next try after paid")
        world.expect(bill.name, bill.try_ + 1, bill.amount_fen)
        patient = world.patient(f"p{bill.number}.next")
        coming = asyncio.ensure_future(patient.come(stream.choice(("wechat", "alipay")), 0.0))
        await self._his.ask("pay", {**bill.pay, "try": bill.try_ + 1}, timeout_s=60.0)
        coming.cancel()

    async def _pay_again(self, bill: Bill, stream: Stream) -> None:
        if stream.happens(0.4):
            await asyncio.sleep(1900.0)
            self._world.sometimes("same id after 30 min")
            answer = await self._his.ask("pay", bill.pay)
            if answer and answer.get("type") == "result" and answer["status"] == "paid":
                self._world.view.blame("M13", f"{bill.his_id}: an old receipt was given again")
            return
        self._world.sometimes("same id after the end")
        answer = await self._his.ask("pay", bill.pay)
        self._check_about(bill.his_id, answer)
