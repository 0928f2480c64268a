"""Whole days compared in the real tables; what plants the differences knows no table."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest

from center.reconciliation.explain import WAIT
from center.reconciliation.models import BreakRow, BreakState, HisList, HisRow, Pair, Run
from center.reconciliation.run import reconcile, reconcile_day
from center.statements.keep import keep
from center.statements.models import FileState, StatementFile
from tests.center.conftest import NOON, JournalOfABox

pytestmark = pytest.mark.django_db
DAY = NOON.date()
LATER = DAY + WAIT + timedelta(days=1)


@dataclass
class Wechat:
    """A statement as WeChat writes it."""

    day: date = DAY
    rows: list[str] = field(default_factory=list)
    paid: int = 0
    back: int = 0

    def pay(self, order: str, fen: int, state: str = "SUCCESS") -> None:
        self.paid += fen
        self._row(order, "0", "0", state, f"{fen / 100:.2f}", "0.00")

    def refund(self, order: str, number: str, fen: int, state: str = "REFUND") -> None:
        self.back += fen
        self._row(order, f"50{number}", number, state, "0.00", f"{fen / 100:.2f}")

    def _row(  # noqa: PLR0913
        self, order: str, theirs: str, refund: str, state: str, paid: str, back: str
    ) -> None:
        values = (f"{self.day} 12:00:00", "BOX-0001", f"42{order}", order, state, paid, theirs,
                  refund, back, "0.00000", paid, back)  # fmt: skip
        self.rows.append("`" + ",`".join(values))

    def bytes(self) -> bytes:
        head = (
            "交易时间,设备号,微信订单号,商户订单号,交易状态,应结订单金额,微信退款单号,商户退款单号,"
            "退款金额,手续费,订单金额,申请退款金额"
        )
        totals_head = "总交易单数,应结订单总金额,退款总金额,手续费总金额,订单总金额,申请退款总金额"
        paid, back = f"{self.paid / 100:.2f}", f"{self.back / 100:.2f}"
        totals = "`" + ",`".join((str(len(self.rows)), paid, back, "0.00", paid, back))
        return "\r\n".join(("\ufeff" + head, *self.rows, totals_head, totals, "")).encode()

    def keep(self) -> None:
        file = keep("wechat", self.day, self.bytes(), NOON)
        assert file.state in {FileState.GOOD, FileState.EMPTY}, file.why


def statement_breaks(today: date = LATER) -> set[tuple[str, str, str, int]]:
    reconcile(Pair.STATEMENT, DAY, "wechat", NOON, today)
    rows = BreakRow.objects.exclude(state=BreakState.CLEARED)
    return {(r.code, r.kind, r.key, r.difference_fen) for r in rows}


def test_a_day_that_agrees_has_no_break(journal: JournalOfABox) -> None:
    statement = Wechat()
    for number in range(5):
        journal.pay(f"A{number}", "intended", "paid", amount_fen=100 + number)
        statement.pay(f"A{number}", 100 + number)
    journal.refund("R1", "A1", 50, "sent", "refunded", money_at=NOON.isoformat())
    statement.refund("A1", "R1", 50)
    journal.send()
    statement.keep()
    assert statement_breaks() == set()
    run = Run.objects.get()
    assert (run.agreed, run.agreed_fen) == (6, 510 - 50)


@pytest.mark.parametrize("seed", range(5))
def test_each_planted_difference_is_named_and_no_other(seed: int, journal: JournalOfABox) -> None:
    draw = random.Random(seed)
    statement = Wechat()
    planted: set[tuple[str, str, str, int]] = set()
    for number in range(240):
        order, refund, fen = f"P{number:04d}", f"R{number:04d}", draw.randint(10, 99_999)
        states, theirs = ["intended", "paid"], fen
        luck = draw.choice(["same"] * 6 + ["ours", "theirs", "amount", "twice", "reversed", "kept"])
        if luck == "reversed":
            states += ["reversing", "reversed"]
            statement.refund(order, f"V{refund}", fen, draw.choice(["REFUND", "REVOKED"]))
        elif luck == "kept":
            states = ["intended", "unknown", "failed"]
            planted.add(("state", "payment", order, fen))
        elif luck == "amount":
            theirs = fen + draw.choice((-1, 7))
            planted.add(("amount", "payment", order, theirs - fen))
        elif luck == "twice":
            statement.pay(order, fen)
            planted.add(("twice_other", "payment", order, fen))
        if luck == "theirs":
            planted.add(("only_other", "payment", order, fen))
        else:
            journal.pay(order, *states, amount_fen=fen)
        if luck == "ours":
            planted.add(("only_journal", "payment", order, -fen))
        else:
            statement.pay(order, theirs)
        if luck == "same" and draw.random() < 0.3:
            _refund(draw, journal, statement, planted, order, refund)
    for first in range(1, len(journal.rows) + 1, 400):
        journal.send(first, first + 399)
    statement.keep()
    assert statement_breaks() == planted


def _refund(  # noqa: PLR0913
    draw: random.Random, journal: JournalOfABox, statement: Wechat,
    planted: set[tuple[str, str, str, int]], order: str, refund: str,
) -> None:  # fmt: skip
    luck, fen = draw.choice(["same", "same", "ours", "theirs", "amount"]), draw.randint(1, 10)
    if luck != "theirs":
        journal.refund(refund, order, fen, "sent", "refunded", money_at=NOON.isoformat())
    if luck != "ours":
        statement.refund(order, refund, fen + (luck == "amount"))
    told = {"ours": ("only_journal", fen), "theirs": ("only_other", -fen), "amount": ("amount", -1)}
    if luck in told:
        planted.add((told[luck][0], "refund", refund, told[luck][1]))


def test_a_number_of_one_side_waits_three_days_and_then_is_open(journal: JournalOfABox) -> None:
    journal.pay("A", "paid")
    journal.send()
    Wechat().keep()
    for days, state in ((0, BreakState.WAITING), (3, BreakState.WAITING), (4, BreakState.OPEN)):
        statement_breaks(DAY + timedelta(days=days))
        assert BreakRow.objects.get().state == state


def test_what_stands_in_the_next_days_statement_is_no_break(journal: JournalOfABox) -> None:
    journal.pay("A", "paid")
    journal.send()
    Wechat().keep()
    assert len(statement_breaks(DAY)) == 1
    tomorrow = Wechat(DAY + timedelta(days=1))
    tomorrow.pay("A", 100)
    tomorrow.keep()
    assert statement_breaks() == set()
    assert BreakRow.objects.get().state == BreakState.CLEARED
    reconcile(Pair.STATEMENT, DAY + timedelta(days=1), "wechat", NOON, LATER)
    assert not BreakRow.objects.exclude(state=BreakState.CLEARED).exists()


def test_what_people_decided_stays_when_the_day_is_compared_again(journal: JournalOfABox) -> None:
    journal.pay("A", "paid")
    journal.send()
    Wechat().keep()
    statement_breaks()
    BreakRow.objects.update(state=BreakState.RESOLVED, person="one")
    statement_breaks()
    row = BreakRow.objects.get()
    assert (row.state, row.person) == (BreakState.RESOLVED, "one")


@pytest.mark.parametrize("harm", ["a total", "another day", "cut"])
def test_a_statement_that_does_not_add_up_is_kept_raw_and_believed_in_nothing(
    journal: JournalOfABox, harm: str
) -> None:
    journal.pay("A", "paid")
    journal.send()
    statement = Wechat(DAY + timedelta(days=harm == "another day"))
    statement.pay("A", 100)
    raw = statement.bytes()
    raw = raw.replace(b"`1,`1.00", b"`2,`1.00") if harm == "a total" else raw
    raw = raw[: len(raw) // 2] if harm == "cut" else raw
    file = keep("wechat", DAY, raw, NOON)
    assert file.state == FileState.BROKEN
    assert bytes(StatementFile.objects.get().raw) == raw
    assert not file.lines.exists()
    assert reconcile_day(DAY, NOON, LATER) == []


def test_the_list_of_the_his_is_compared_by_its_own_numbers(journal: JournalOfABox) -> None:
    journal.pay("A", "paid", his_id="H1", amount_fen=100)
    journal.pay("B", "paid", his_id="H2", amount_fen=200)
    journal.pay("C", "failed", his_id="H3", amount_fen=300)
    journal.send()
    given = HisList.objects.create(
        name="x.csv", sha256="0", uploaded_by="one", uploaded_at=NOON, rows=2
    )
    for his_id, fen in (("H1", 100), ("H3", 300), ("H9", 900)):
        HisRow.objects.create(
            list=given, day=DAY, kind="payment", his_id=his_id, pay_type="wechat", amount_fen=fen
        )
    (run,) = reconcile_day(DAY, NOON, LATER)
    assert run.pair == Pair.HIS
    found = {(r.code, r.key, r.difference_fen) for r in BreakRow.objects.all()}
    assert found == {("only_journal", "H2", -200), ("state", "H3", 300), ("only_other", "H9", 900)}


def test_one_number_of_the_his_may_break_in_both_wallets() -> None:
    given = HisList.objects.create(
        name="x.csv", sha256="0", uploaded_by="one", uploaded_at=NOON, rows=2
    )
    for channel in ("wechat", "alipay"):
        HisRow.objects.create(
            list=given, day=DAY, kind="payment", his_id="H1", pay_type=channel, amount_fen=5
        )
    reconcile_day(DAY, NOON, LATER)
    assert sorted(BreakRow.objects.values_list("channel", flat=True)) == ["alipay", "wechat"]


def his_list(*rows: tuple[str, str, str, int], day: date = DAY) -> None:
    """Rows: kind, number, payment type, amount."""
    given = HisList.objects.create(
        name="x.csv", sha256=f"{day}", uploaded_by="one", uploaded_at=NOON, rows=len(rows)
    )
    for kind, his_id, pay_type, fen in rows:
        HisRow.objects.create(
            list=given, day=day, kind=kind, his_id=his_id, pay_type=pay_type, amount_fen=fen
        )


def named() -> set[tuple[str, str, str, str, int]]:
    rows = BreakRow.objects.exclude(state=BreakState.CLEARED)
    return {(r.code, r.channel, r.kind, r.key, r.difference_fen) for r in rows}


def test_a_payment_under_another_channel_is_one_break_named_where_the_journal_has_it(
    journal: JournalOfABox,
) -> None:
    for number in ("H1", "H2", "H3"):
        journal.pay(f"A{number}", "paid", his_id=number, amount_fen=100)
    journal.pay("B", "paid", his_id="H4", amount_fen=500, channel="alipay")
    journal.send()
    his_list(
        ("payment", "H1", "alipay", 100),
        ("payment", "H2", "cash", 90),
        ("payment", "H3", "wechat", 100),
        ("payment", "H4", "alipay", 500),
    )
    reconcile_day(DAY, NOON, LATER)
    assert named() == {
        ("channel", "wechat", "payment", "H1", 0),
        ("channel", "wechat", "payment", "H2", -10),
    }


def test_one_number_paid_given_back_and_paid_again_is_no_break(journal: JournalOfABox) -> None:
    journal.pay("A", "paid", "refunded", his_id="H1", amount_fen=100)
    journal.refund("R1", "A", 100, "refunded", his_id="H1", money_at=NOON.isoformat())
    journal.pay("B", "paid", his_id="H1", amount_fen=70)
    journal.send()
    rows = [("payment", "H1", "wechat", 70), ("payment", "H1", "wechat", 100)]
    his_list(*rows, ("refund", "H1", "wechat", 100))
    reconcile_day(DAY, NOON, LATER)
    assert named() == set()


def test_one_number_collected_twice_is_named(journal: JournalOfABox) -> None:
    for number in ("A", "B"):
        journal.pay(number, "paid", his_id="H1", amount_fen=100)
    journal.send()
    his_list(("payment", "H1", "wechat", 100))
    reconcile_day(DAY, NOON, LATER)
    assert named() == {("twice_journal", "wechat", "payment", "H1", -100)}


@pytest.mark.parametrize("whole", [1, 0])
def test_what_the_his_booked_and_took_back_is_explained_by_a_reverse(
    journal: JournalOfABox, whole: int
) -> None:
    journal.pay("A", "paid", "reversing", "reversed", his_id="H1", amount_fen=100)
    journal.send()
    his_list(("payment", "H1", "wechat", 100), ("refund", "V1", "wechat", 100 if whole else 60))
    HisRow.objects.update(out_trade_no="A")
    reconcile_day(DAY, NOON, LATER)
    found = {(code, key, fen) for code, _channel, _kind, key, fen in named()}
    assert found == (set() if whole else {("state", "H1", 100), ("only_other", "V1", -60)})


@pytest.mark.parametrize("list_has", ["both", "both by ours", "neither"])
def test_a_reverse_that_the_his_asked_for_is_no_refund_of_any_list(
    journal: JournalOfABox, list_has: str
) -> None:
    """The journal has payment and reverse, the provider the reverse under a number of its own."""
    journal.pay("A", "paid", "reversing", "reversed", his_id="H1", amount_fen=100)
    journal.refund("R1", "A", 100, "sent", "refunded", his_id="V1", money_at=NOON.isoformat())
    journal.pay("B", "paid", his_id="H2", amount_fen=70)
    journal.send()
    statement = Wechat()
    statement.pay("A", 100)
    statement.refund("A", "5042A", 100, "REVOKED")
    statement.pay("B", 70)
    statement.keep()
    both = [("payment", "H1", "wechat", 100), ("refund", "V1", "wechat", 100)]
    his_list(("payment", "H2", "wechat", 70), *(both if list_has != "neither" else []))
    HisRow.objects.filter(his_id__in=("H1", "V1")).update(
        out_trade_no="A" if list_has == "both by ours" else ""
    )
    reconcile_day(DAY, NOON, LATER)
    assert named() == set()


def test_a_reverse_of_which_the_his_booked_the_payment_only_is_named(
    journal: JournalOfABox,
) -> None:
    journal.pay("A", "paid", "reversing", "reversed", his_id="H1", amount_fen=100)
    journal.refund("R1", "A", 100, "sent", "refunded", his_id="V1", money_at=NOON.isoformat())
    journal.send()
    his_list(("payment", "H1", "wechat", 100))
    reconcile_day(DAY, NOON, LATER)
    assert named() == {("state", "wechat", "payment", "H1", 100)}
