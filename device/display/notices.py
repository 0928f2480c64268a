"""What most screens say: an icon, two lines and perhaps an amount, the same on every panel."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from device.display.canvas import yuan
from device.display.texts import (
    CALL_CASHIER,
    HINTS,
    LAST,
    NO_RESULT,
    NOT_COLLECTED,
    NOTICES,
    OFFLINE_WHY,
    PASSWORD,
    PROVISIONING,
    REASONS,
    REFUNDED,
    REFUSALS,
    REVERSED,
    SHOW_CODE,
    TRY_AGAIN,
    TRY_AGAIN_BY,
    WALLET_LINE,
)
from device.domain.screens import (
    AmountDue,
    DeclinedScreen,
    GivenBack,
    NotPaidScreen,
    OfflineScreen,
    OperatorView,
    Password,
    Provisioning,
    Screen,
)


@dataclass(frozen=True, slots=True)
class Said:
    """A notice in one language."""

    icon: str
    first: str
    second: str = ""
    amount_fen: int = 0
    """0 = no amount."""
    seconds_left: int | None = None
    alert: bool = False
    """The patient must do something else than he just did: black on white."""


def said(screen: Screen, language: str) -> Said:
    """Return what a screen says; KeyError for one that is no notice."""
    return KINDS.get(type(screen), _by_table)(screen, language)


def _by_table(screen: Screen, language: str) -> Said:
    """A screen that is wholly in the table."""
    notice = NOTICES[type(screen)]
    second = notice.second.said(language)
    wallet = getattr(screen, "wallet", None)
    if not second and wallet is not None:
        second = WALLET_LINE[wallet].said(language)
    fen = getattr(screen, "amount_fen", 0)
    return Said(notice.icon, notice.first.said(language), second, fen)


def _hint(screen: AmountDue, language: str) -> Said:
    """Why the last code was not taken; a hint that is not in the table is said as it is."""
    phrases = HINTS.get(screen.hint)
    first = phrases[0].said(language) if phrases else screen.hint
    second = (phrases[1] if phrases else SHOW_CODE).said(language)
    return Said("code", first, second, screen.amount_fen, screen.seconds_left, alert=True)


def _password(screen: Password, language: str) -> Said:
    first, second = PASSWORD.first.said(language), PASSWORD.second.said(language)
    return Said(PASSWORD.icon, first, second, screen.amount_fen, screen.seconds_left)


def _declined(screen: DeclinedScreen, language: str) -> Said:
    advice = TRY_AGAIN_BY.get(screen.reason, TRY_AGAIN) if screen.retry else CALL_CASHIER
    reason = REASONS[screen.reason].said(language)
    return Said("cross", reason, advice.said(language), screen.amount_fen)


def _not_paid(screen: NotPaidScreen, language: str) -> Said:
    reason = REASONS[screen.reason].said(language)
    return Said("cross", NOT_COLLECTED.said(language), reason, screen.amount_fen)


def _given_back(screen: GivenBack, language: str) -> Said:
    notice = REFUNDED if screen.refund else REVERSED
    first, second = notice.first.said(language), notice.second.said(language)
    return Said(notice.icon, first, second, screen.amount_fen)


def _offline(screen: OfflineScreen, language: str) -> Said:
    notice = NOTICES[OfflineScreen]
    why = OFFLINE_WHY.get(screen.why, notice.second).said(language)
    return Said(notice.icon, notice.first.said(language), why)


def _provisioning(screen: Provisioning, language: str) -> Said:
    notice = PROVISIONING[screen.stage]
    first = notice.first.said(language).format(f"{screen.have}/{screen.of}")
    why = REFUSALS[screen.why].said(language) if screen.why else screen.box
    return Said(notice.icon, first, notice.second.said(language) or why)


def last_result(screen: OperatorView, language: str) -> tuple[str, str, str]:
    """Return the word, the amount and the time of the newest result."""
    last = screen.last
    if last is None:
        return NO_RESULT.said(language), "", ""
    return LAST[last.status].said(language), yuan(last.fen), last.time


KINDS: dict[type, Callable[[Any, str], Said]] = {
    AmountDue: _hint,
    Password: _password,
    DeclinedScreen: _declined,
    NotPaidScreen: _not_paid,
    GivenBack: _given_back,
    OfflineScreen: _offline,
    Provisioning: _provisioning,
}
