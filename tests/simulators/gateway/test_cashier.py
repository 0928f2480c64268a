"""Decisions of a provider over its book, without protocol or network."""

from typing import Any

import pytest

from simulators.gateway import cashier
from simulators.gateway.book import Book
from simulators.gateway.cashier import Refunding, Refusal, Refused, Reversal
from simulators.gateway.clock import Clock
from simulators.gateway.model import (
    PayerCode,
    PayOrder,
    Refund,
    RefundStatus,
    State,
    Trade,
    Wallet,
)
from simulators.gateway.rules import DAY_S, Rules
from simulators.gateway.scripts import Asked, Scripts, Turn, read_binding

CODE = "134500000000000001"
WALLETS = pytest.mark.parametrize("wallet", list(Wallet))


@pytest.fixture
def book(clock: Clock) -> Book:
    return Book(clock, Rules())


def order(wallet: Wallet = Wallet.WECHAT, number: str = "T1", **facts: Any) -> PayOrder:
    usual: dict[str, Any] = {"amount_fen": 100, "code": CODE, "subject": "门诊", "fingerprint": "f"}
    return PayOrder(wallet=wallet, out_trade_no=number, **{**usual, **facts})


def turn(wallet: Wallet = Wallet.WECHAT, call: str = "pay", *do: object) -> Turn:
    scripts = Scripts()
    scripts.bind(read_binding({"match": {}, "do": list(do)}))
    return scripts.turn(Asked(wallet, call, "T1"))


def paid(book: Book, wallet: Wallet = Wallet.WECHAT, **facts: Any) -> Trade:
    trade = cashier.pay(book, order(wallet, **facts), turn(wallet))
    assert isinstance(trade, Trade)
    assert trade.state is State.PAID
    return trade


@WALLETS
def test_below_the_password_limit_it_is_paid_at_once(book: Book, wallet: Wallet) -> None:
    assert paid(book, wallet, amount_fen=99_999).paid_at == book.clock.now()


@WALLETS
def test_from_the_password_limit_the_payer_is_asked(book: Book, wallet: Wallet) -> None:
    trade = cashier.pay(book, order(wallet, amount_fen=100_000), turn(wallet))
    assert isinstance(trade, Trade)
    assert trade.state is State.PAYING


@WALLETS
def test_the_same_number_and_facts_are_the_same_trade(book: Book, wallet: Wallet) -> None:
    first = paid(book, wallet)
    assert cashier.pay(book, order(wallet), turn(wallet)) is first
    assert len(book.trades) == 1


def test_the_same_number_with_other_facts_is_refused(book: Book) -> None:
    paid(book)
    again = cashier.pay(book, order(fingerprint="g", code="131"), turn())
    assert again == Refused(Refusal.NUMBER_USED)


def test_a_used_code_is_refused_for_another_number(book: Book) -> None:
    paid(book)
    assert cashier.pay(book, order(number="T2"), turn()) == Refused(Refusal.CODE_USED)


def test_a_declined_code_is_used_up(book: Book) -> None:
    declined = cashier.pay(
        book, order(), turn(Wallet.WECHAT, "pay", {"name": "decline", "code": "NOTENOUGH"})
    )
    assert declined == Refused(Refusal.DECLINED, "NOTENOUGH")
    assert book.find(Wallet.WECHAT, "T1") is None
    assert cashier.pay(book, order(number="T2"), turn()) == Refused(Refusal.CODE_USED)


@pytest.mark.parametrize(("age_s", "good"), [(59.9, True), (60.0, False)])
def test_an_issued_code_lives_a_minute(book: Book, age_s: float, good: bool) -> None:  # noqa: FBT001 - a table
    book.codes[CODE] = PayerCode(Wallet.WECHAT, book.clock.now() + book.rules.code_life_s)
    book.clock.advance(age_s)
    found = cashier.pay(book, order(), turn())
    assert isinstance(found, Trade) if good else found == Refused(Refusal.CODE_EXPIRED)


def test_only_issued_codes_if_the_rules_say_so(clock: Clock) -> None:
    book = Book(clock, Rules(only_issued_codes=True))
    assert cashier.pay(book, order(), turn()) == Refused(Refusal.CODE_UNKNOWN)


@pytest.mark.parametrize(
    ("wallet", "facts", "life_s"),
    [
        (Wallet.WECHAT, {}, 45),
        (Wallet.ALIPAY, {}, 3 * 3600),
        (Wallet.ALIPAY, {"timeout_s": 120}, 120),
    ],
)
def test_an_unpaid_trade_is_closed_by_the_provider(
    book: Book, wallet: Wallet, facts: dict[str, Any], life_s: int
) -> None:
    cashier.pay(book, order(wallet, **facts), turn(wallet, "pay", "password_never"))
    book.clock.advance(life_s - 0.1)
    still = book.find(wallet, "T1")
    assert still is not None
    assert still.state is State.PAYING
    book.clock.advance(0.1)
    trade = book.find(wallet, "T1")
    assert trade is not None
    assert (trade.state, trade.ended_by) == (State.CLOSED, "timeout")
    assert cashier.pay(book, order(wallet, **facts), turn(wallet)) == Refused(Refusal.CLOSED)


@pytest.mark.parametrize(
    ("after_s", "state"), [(44.9, State.PAID), (45.0, State.PAID), (45.1, State.CLOSED)]
)
def test_a_password_counts_only_before_the_timeout(
    book: Book, after_s: float, state: State
) -> None:
    cashier.pay(book, order(), turn(Wallet.WECHAT, "pay", {"name": "password", "after_s": after_s}))
    book.clock.advance(1000)
    trade = book.find(Wallet.WECHAT, "T1")
    assert trade is not None
    assert trade.state is state
    assert trade.history[-1][0] == pytest.approx(trade.created_at + min(after_s, 45))


def test_a_payer_who_refuses_leaves_a_failed_trade_that_is_closed_later(book: Book) -> None:
    rule = {"name": "password_cancelled", "after_s": 3}
    cashier.pay(book, order(), turn(Wallet.WECHAT, "pay", rule))
    book.clock.advance(3)
    assert [one.state for one in book.trades.values() if book.find(*_key(one))] == [State.FAILED]
    book.clock.advance(42)
    book.settle()
    assert [one.state for one in book.trades.values()] == [State.CLOSED]


def _key(trade: Trade) -> tuple[Wallet, str]:
    return trade.order.wallet, trade.order.out_trade_no


# Reverse and cancel


@WALLETS
def test_a_reverse_gives_a_paid_trade_back_once(book: Book, wallet: Wallet) -> None:
    trade = paid(book, wallet)
    for _ in range(2):
        assert cashier.reverse(book, wallet, "T1", turn(wallet, "reverse")) is Reversal.GIVEN_BACK
    assert [state for _, state in trade.history] == [State.PAYING, State.PAID, State.RETURNED]
    assert cashier.pay(book, order(wallet), turn(wallet)) == Refused(Refusal.REVERSED)


@WALLETS
def test_a_reverse_closes_an_unpaid_trade_for_good(book: Book, wallet: Wallet) -> None:
    rule = {"name": "password", "after_s": 10}
    cashier.pay(book, order(wallet), turn(wallet, "pay", rule))
    assert cashier.reverse(book, wallet, "T1", turn(wallet, "reverse")) is Reversal.CLOSED
    book.clock.advance(20)
    trade = book.find(wallet, "T1")
    assert trade is not None
    assert trade.state is State.CLOSED


@WALLETS
def test_a_reverse_of_an_unknown_number_says_so(book: Book, wallet: Wallet) -> None:
    assert cashier.reverse(book, wallet, "T9", turn(wallet, "reverse")) is Reversal.NO_ORDER


@pytest.mark.parametrize(
    ("wallet", "window_s"), [(Wallet.WECHAT, 7 * DAY_S), (Wallet.ALIPAY, DAY_S)]
)
def test_the_reverse_window_ends(book: Book, wallet: Wallet, window_s: float) -> None:
    trade = paid(book, wallet)
    book.clock.advance(window_s + 1)
    assert cashier.reverse(book, wallet, "T1", turn(wallet, "reverse")) is Reversal.EXPIRED
    assert trade.state is State.PAID


@WALLETS
def test_a_trade_with_a_refund_is_not_reversed(book: Book, wallet: Wallet) -> None:
    trade = paid(book, wallet)
    refund(book, trade, "R1", 1)
    assert cashier.reverse(book, wallet, "T1", turn(wallet, "reverse")) is Reversal.REFUNDED
    assert trade.state is State.PAID


# A pay still on its way


def test_a_pay_lands_so_long_after_a_reverse_that_met_nothing(book: Book) -> None:
    late = turn(Wallet.WECHAT, "pay", {"name": "late_pay", "after_reverse_s": 2})
    rule = late.take("late_pay")
    assert rule is not None
    cashier.pay_later(book, order(), late, rule)
    book.clock.advance(500)
    assert book.find(Wallet.WECHAT, "T1") is None
    cashier.reverse(book, Wallet.WECHAT, "T1", turn(Wallet.WECHAT, "reverse"))
    assert book.find(Wallet.WECHAT, "T1") is None
    book.clock.advance(2)
    found = book.find(Wallet.WECHAT, "T1")
    assert found is not None
    assert found.state is State.PAID


def test_a_late_pay_whose_code_paid_something_else_never_lands(book: Book) -> None:
    late = turn(Wallet.WECHAT, "pay", {"name": "late_pay", "after_s": 2})
    rule = late.take("late_pay")
    assert rule is not None
    cashier.pay_later(book, order(), late, rule)
    paid(book, number="T2")
    book.clock.advance(2)
    assert book.find(Wallet.WECHAT, "T1") is None


# Refunds


def refund(
    book: Book, trade: Trade | None, number: str, amount_fen: int, *do: object
) -> Refund | Refunding:
    return cashier.refund(book, trade, number, amount_fen, "", turn(Wallet.WECHAT, "refund", *do))


def test_refunds_up_to_the_amount_and_not_a_fen_more(book: Book) -> None:
    trade = paid(book)
    assert isinstance(refund(book, trade, "R1", 60), Refund)
    assert refund(book, trade, "R2", 41) is Refunding.TOO_MUCH
    assert isinstance(refund(book, trade, "R3", 40), Refund)
    assert trade.refunded_fen(book.clock.now()) == 100


def test_the_same_refund_number_is_refunded_once(book: Book) -> None:
    trade = paid(book)
    first = refund(book, trade, "R1", 60)
    assert refund(book, trade, "R1", 60) is first
    assert refund(book, trade, "R1", 61) is Refunding.OTHER_AMOUNT
    assert trade.refunded_fen(book.clock.now()) == 60


def test_at_most_fifty_refunds(book: Book) -> None:
    trade = paid(book)
    for number in range(50):
        assert isinstance(refund(book, trade, f"R{number}", 1), Refund)
    assert refund(book, trade, "R50", 1) is Refunding.TOO_MANY


@pytest.mark.parametrize("amount_fen", [0, -1])
def test_no_refund_of_nothing(book: Book, amount_fen: int) -> None:
    assert refund(book, paid(book), "R1", amount_fen) is Refunding.TOO_MUCH


def test_no_refund_without_a_paid_trade(book: Book) -> None:
    assert refund(book, None, "R1", 1) is Refunding.NO_ORDER
    trade = paid(book)
    cashier.reverse(book, Wallet.WECHAT, "T1", turn(Wallet.WECHAT, "reverse"))
    assert refund(book, trade, "R1", 1) is Refunding.NOT_PAID


def test_refunds_a_minute_apart_if_the_rules_say_so(clock: Clock) -> None:
    book = Book(clock, Rules(wechat_refund_spacing_s=60))
    trade = paid(book)
    refund(book, trade, "R1", 1)
    assert refund(book, trade, "R2", 1) is Refunding.TOO_SOON
    clock.advance(60)
    assert isinstance(refund(book, trade, "R2", 1), Refund)


def test_a_refund_that_the_bank_sends_back_does_not_count(book: Book) -> None:
    trade = paid(book)
    one = refund(book, trade, "R1", 100, {"name": "refund_change", "for_s": 5})
    assert isinstance(one, Refund)
    assert one.status(book.clock.now()) is RefundStatus.PROCESSING
    assert refund(book, trade, "R2", 1) is Refunding.TOO_MUCH
    book.clock.advance(5)
    assert one.status(book.clock.now()) is RefundStatus.CHANGE
    assert trade.refunded_fen(book.clock.now()) == 0
    assert isinstance(refund(book, trade, "R2", 1), Refund)
