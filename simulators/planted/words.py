"""What a provider's words mean, and what a fault of the line means."""

from collections.abc import Callable
from typing import Any

from device import recovery
from device.channels import http
from device.channels.alipay import answers as alipay_answers
from device.channels.alipay import client as alipay_client
from device.channels.alipay import codes as alipay_codes
from device.channels.alipay.client import AlipayChannel
from device.channels.meaning import declined
from device.channels.wechat import client as wechat_client
from device.channels.wechat import codes as wechat_codes
from device.channels.wechat.client import WechatChannel
from device.domain import pursuit
from device.domain.desk import scan
from device.domain.outcome import (
    Closed,
    Declined,
    Missing,
    Open,
    Paid,
    PayerConfirming,
    PayFailed,
    Returned,
    Unknown,
)
from device.domain.payment import (
    NO_FACTS,
    AttemptEvent,
    Facts,
)
from device.domain.words import Reason, Wallet
from device.errors import NotSent
from simulators.planted.bug import Patch, bug


def _heard_as(patch: Patch, kind: type[Any], event: AttemptEvent) -> None:
    true = scan.heard

    def heard(attempt: Any, outcome: Any) -> Any:
        return (event, Facts()) if isinstance(outcome, kind) else true(attempt, outcome)

    patch.setattr(scan, "heard", heard)


@bug("a timeout of pay means failed", "M3", "M4", "M1", "M5")
def _(patch: Patch) -> None:
    _heard_as(patch, Unknown, AttemptEvent.FAILED)


@bug("a timeout of pay means paid", "M3", "M24")
def _(patch: Patch) -> None:
    _heard_as(patch, Unknown, AttemptEvent.PAID)


@bug("10003 and USERPAYING mean paid", "M3", "M24")
def _(patch: Patch) -> None:
    _heard_as(patch, PayerConfirming, AttemptEvent.PAID)


def _query_says(
    patch: Patch, kind: type[Any] | tuple[type[Any], ...], otherwise: Callable[[Any], Any]
) -> None:
    true = pursuit.heard_query

    def heard(attempt: Any, trail: Any, call: Any, outcome: Any, now_s: float) -> Any:
        told = otherwise(outcome) if isinstance(outcome, kind) else outcome
        return true(attempt, trail, call, told, now_s)

    patch.setattr(recovery, "heard_query", heard)


@bug("no such order means closed", "M4", "M5", "M9")
def _(patch: Patch) -> None:
    _query_says(patch, Missing, lambda _: Closed())


@bug("an open order means closed", "M4", "M5")
def _(patch: Patch) -> None:
    _query_says(patch, Open, lambda _: Closed())


@bug("a late success is dropped", "M6", stir="password")
def _(patch: Patch) -> None:
    _query_says(patch, Paid, lambda _: Unknown("dropped"))


@bug("an answer that cannot be read means closed", "M4", "M5")
def _(patch: Patch) -> None:
    _query_says(patch, Unknown, lambda _: Closed())


@bug("every fault of the network counts as nothing sent", "M3", "M4", "M5", "M1")
def _(patch: Patch) -> None:
    patch.setattr(http, "_named", lambda *_: NotSent("surely not"))


@bug("PAYERROR is taken as paid", "M3", blind=True, stir="password_cancelled")
def _(patch: Patch) -> None:
    patch.setitem(pursuit.WORDS, PayFailed, ((AttemptEvent.PAID, NO_FACTS),))


@bug("TRADE_CLOSED is taken as paid", "M3", "M6", blind=True, stir="password_never")
def _(patch: Patch) -> None:
    wider = alipay_codes.PAID_STATUS | {"TRADE_CLOSED"}
    patch.setattr(alipay_codes, "PAID_STATUS", wider)


@bug("WeChat's SYSTEMERROR is a decline", "M1", "M4", "M5", blind=True, table="wechat pay")
def _(patch: Patch) -> None:
    patch.setitem(wechat_codes.PAY, "SYSTEMERROR", declined(Reason.DECLINED_OTHER))


@bug("Alipay's SYSTEM_ERROR is a decline", "M1", "M4", "M5", blind=True, table="alipay pay")
def _(patch: Patch) -> None:
    patch.setitem(alipay_codes.PAY, "SYSTEM_ERROR", declined(Reason.DECLINED_OTHER))


@bug("ORDERPAID is a failure", "M4", "M5", "M1", blind=True, stir="order_paid")
def _(patch: Patch) -> None:
    for word in ("ORDERPAID", "OUT_TRADE_NO_USED"):
        patch.setitem(wechat_codes.PAY, word, declined(Reason.DECLINED_OTHER))
    patch.setitem(alipay_codes.PAY, "TRADE_HAS_SUCCESS", declined(Reason.DECLINED_OTHER))


@bug("10003 is a decline", "M1", "M4", "M5", blind=True)
def _(patch: Patch) -> None:
    true = alipay_answers.pay

    def impatient(node: Any, order: Any) -> Any:
        outcome = true(node, order)
        waits = isinstance(outcome, PayerConfirming)
        return Declined(Reason.DECLINED_OTHER) if waits else outcome

    patch.setattr(alipay_answers, "pay", impatient)


@bug("a read timeout of pay is offline", "M1", "M4", "M5", blind=True)
def _(patch: Patch) -> None:
    for channel in (WechatChannel, AlipayChannel):
        _timeout_is_offline(patch, channel)


def _timeout_is_offline(patch: Patch, channel: Any) -> None:
    true = channel.pay

    async def pay(self: Any, order: Any) -> Any:
        outcome = await true(self, order)
        return Declined(Reason.OFFLINE) if isinstance(outcome, Unknown) else outcome

    patch.setattr(channel, "pay", pay)


@bug("ORDERNOTEXIST in a query ends the payment", "M4", "M5", "M9", blind=True)
def _(patch: Patch) -> None:
    patch.setitem(pursuit.WORDS, Missing, ((AttemptEvent.CLOSED, NO_FACTS),))


@bug("NOTPAY is taken as closed", "M4", "M5", blind=True, stir="other_state", table="wechat query")
def _(patch: Patch) -> None:
    patch.setitem(wechat_codes.UNPAID_STATES, "NOTPAY", Closed())


@bug("WAIT_BUYER_PAY is taken as closed", "M4", "M5", blind=True, table="alipay query")
def _(patch: Patch) -> None:
    patch.setitem(alipay_codes.UNPAID_STATUS, "WAIT_BUYER_PAY", Closed())


@bug("any REFUND is all of the money back", "M24", "M4", "M1", blind=True, stir="refund_elsewhere")
def _(patch: Patch) -> None:
    patch.setattr(pursuit, "_whole_back", lambda outcome: isinstance(outcome, Returned))


@bug("the signature of an answer is not looked at", "M3", "M4", blind=True, stir="forged")
def _(patch: Patch) -> None:
    for module in (wechat_client, alipay_client):
        patch.setattr(module, "verified", lambda *_: True)


@bug("the other wallet is asked about an order", "M6", "M3", "M4", "M5", blind=True)
def _(patch: Patch) -> None:
    true = recovery.Recovery._call
    other = {Wallet.WECHAT: Wallet.ALIPAY, Wallet.ALIPAY: Wallet.WECHAT}

    async def crossed(self: Any, case: Any, call: Any) -> Any:
        own = self._channels
        self._channels = {w: own[other[w]] for w in own}
        try:
            return await true(self, case, call)
        finally:
            self._channels = own

    patch.setattr(recovery.Recovery, "_call", crossed)


@bug("returned money is still called paid", "M3", "M24", "M6")
def _(patch: Patch) -> None:
    _query_says(patch, (Closed, Returned), lambda _: Unknown("not believed"))
