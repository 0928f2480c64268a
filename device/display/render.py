"""Draws a screen: a pure function from meaning to pixels (architecture §2).

Written for 128 by 64 pixels and wider. Every screen has its own look from arm's length: an icon on
the left, two short lines, the amount below; success alone is white with a double-size heading.
"""

from collections.abc import Callable
from typing import Any

from PIL import Image

from device.display import glyphs
from device.display.canvas import Canvas
from device.display.icons import SIZE as ICON
from device.display.icons import icon
from device.display.texts import (
    CALL_CASHIER,
    DESK,
    GIVING_BACK,
    HINTS,
    NO_WALLET,
    NOT_COLLECTED,
    NOTICES,
    OFFLINE_WHY,
    PAID,
    PASSWORD,
    REASONS,
    REFUNDED,
    REVERSED,
    SHOW_CODE,
    SHOW_WALLET_CODE,
    TRY_AGAIN,
    TRY_AGAIN_BY,
    WALLET_LINE,
    WALLETS,
)
from device.domain.money import format_yuan
from device.domain.screens import (
    AmountDue,
    AskingProvider,
    CallCashier,
    ClockNotSet,
    DeclinedScreen,
    GivenBack,
    GivingBack,
    Idle,
    NotPaidScreen,
    OfflineScreen,
    PaidScreen,
    Password,
    Paying,
    Scanned,
    ScannerMissing,
    Screen,
    Starting,
    StorageFailed,
)

TEXT_LEFT = 32  # pixels: the lines beside an icon begin here
MOST_SECONDS = 999  # three digits; the longest ttl is 300 s
Draw = Callable[[Canvas, Any, str], None]


def render(screen: Screen, width: int, height: int, language: str = "zh") -> Image.Image:
    """Return the picture of a screen, mode `1`, white on black. Never fails for any text."""
    return drawn(screen, width, height, language).image


def drawn(screen: Screen, width: int, height: int, language: str) -> Canvas:
    """Return the picture and what did not fit."""
    canvas = Canvas(width, height)
    DRAWINGS[type(screen)](canvas, screen, language)
    return canvas


def yuan(fen: int) -> str:
    """Return the amount as it stands on the glass."""
    return f"¥{format_yuan(fen)}"


def _notice(canvas: Canvas, sign: str, first: str, second: str, fen: int = 0) -> None:
    """An icon, two lines and, if there is one, the amount."""
    lift = 13 if fen == 0 else 0
    canvas.put(icon(sign), 2, 4 + lift)
    room = canvas.width - TEXT_LEFT
    if second:
        canvas.text(first, TEXT_LEFT, 1 + lift, room)
        canvas.text(second, TEXT_LEFT, 19 + lift, room)
    else:
        canvas.text(first, TEXT_LEFT, 10 + lift, room)
    if fen:
        _amount_row(canvas, fen, canvas.width)


def _amount_row(canvas: Canvas, fen: int, width: int) -> None:
    canvas.amount(yuan(fen), (0, 39, width, 25))


def _table(canvas: Canvas, screen: Screen, language: str) -> None:
    """A screen that is wholly in the table of notices."""
    notice = NOTICES[type(screen)]
    fen = getattr(screen, "amount_fen", 0)
    wallet = getattr(screen, "wallet", None)
    second = notice.second.said(language)
    if not second and wallet is not None:
        second = WALLET_LINE[wallet].said(language)
    _notice(canvas, notice.icon, notice.first.said(language), second, fen)


def _idle(canvas: Canvas, screen: Idle, language: str) -> None:
    names = glyphs.wrapped(screen.hospital, canvas.width, 2)
    rows = (2, 22, 45) if len(names) == 1 else (0, 15, 31, 48)
    for name, y in zip(names, rows, strict=False):
        canvas.foreign(name, 0, y, canvas.width)
    canvas.foreign(DESK.said(language) + screen.desk, 0, rows[-2], canvas.width)
    words = [WALLETS[wallet].said(language) for wallet in screen.wallets]
    if words:
        canvas.chips(words, rows[-1])
    else:
        canvas.text(NO_WALLET.said(language), 0, rows[-1], canvas.width)


def _amount_due(canvas: Canvas, screen: AmountDue, language: str) -> None:
    if screen.hint:
        _hinted(canvas, screen, language)
        return
    only = screen.wallets[0] if len(screen.wallets) == 1 else None
    prompt = (SHOW_WALLET_CODE[only] if only else SHOW_CODE).said(language)
    canvas.text(prompt, 0, 0, canvas.width, "centre" if screen.seconds_left is None else "left")
    _seconds(canvas, screen.seconds_left, 0, canvas.width - glyphs.text_width(prompt))
    canvas.amount(yuan(screen.amount_fen), (0, 17, canvas.width, 30))
    about = " ".join(part for part in (screen.title, screen.masked_name) if part)
    canvas.foreign(about, 0, 48, canvas.width)


def _seconds(canvas: Canvas, seconds: int | None, y: int, room: int) -> int:
    """Write what is left of the time at the right edge, if there is room; returns its width."""
    text = "" if seconds is None else str(max(0, min(seconds, MOST_SECONDS)))
    width = glyphs.text_width(text)
    if width > room:
        return 0
    canvas.text(text, 0, y, canvas.width, "right")
    return width


def _hinted(canvas: Canvas, screen: AmountDue, language: str) -> None:
    """The amount, and black on white why the last code was not taken."""
    phrases = HINTS.get(screen.hint)
    lines = [p.said(language) for p in phrases] if phrases else [screen.hint]
    top = 28 if len(lines) > 1 else 46
    canvas.amount(yuan(screen.amount_fen), (0, 0, canvas.width, 26))
    if len(lines) == 1:
        canvas.text(SHOW_CODE.said(language), 0, 27, canvas.width)
    for row, line in enumerate(lines):
        canvas.foreign(line, 0, top + 1 + row * 18, canvas.width)
    canvas.invert(top, canvas.height)


def _password(canvas: Canvas, screen: Password, language: str) -> None:
    canvas.put(icon(PASSWORD.icon), 2, 4)
    room = canvas.width - TEXT_LEFT
    canvas.text(PASSWORD.first.said(language), TEXT_LEFT, 1, room)
    canvas.text(PASSWORD.second.said(language), TEXT_LEFT, 19, room)
    aside = _seconds(canvas, screen.seconds_left, 44, TEXT_LEFT)
    _amount_row(canvas, screen.amount_fen, canvas.width - aside)


def _paid(canvas: Canvas, screen: PaidScreen, language: str) -> None:
    canvas.large_text(PAID.said(language), 1)
    canvas.put(icon("tick"), 0, 35)
    canvas.amount(yuan(screen.amount_fen), (ICON, 35, canvas.width - ICON, 28))
    canvas.invert(0, canvas.height)


def _declined(canvas: Canvas, screen: DeclinedScreen, language: str) -> None:
    advice = TRY_AGAIN_BY.get(screen.reason, TRY_AGAIN) if screen.retry else CALL_CASHIER
    reason = REASONS[screen.reason].said(language)
    _notice(canvas, "cross", reason, advice.said(language), screen.amount_fen)


def _not_paid(canvas: Canvas, screen: NotPaidScreen, language: str) -> None:
    reason = REASONS[screen.reason].said(language)
    _notice(canvas, "cross", NOT_COLLECTED.said(language), reason, screen.amount_fen)


def _giving_back(canvas: Canvas, screen: GivingBack, language: str) -> None:
    first, *others = (phrase.said(language) for phrase in GIVING_BACK)
    canvas.put(icon("back"), 2, 1)
    canvas.text(first, TEXT_LEFT, 0, canvas.width - TEXT_LEFT)
    canvas.text(yuan(screen.amount_fen), TEXT_LEFT, 15, canvas.width - TEXT_LEFT)
    for row, line in enumerate(others, 2):
        canvas.text(line, 0, 16 * row, canvas.width)


def _given_back(canvas: Canvas, screen: GivenBack, language: str) -> None:
    notice = REFUNDED if screen.refund else REVERSED
    first, second = notice.first.said(language), notice.second.said(language)
    _notice(canvas, notice.icon, first, second, screen.amount_fen)


def _offline(canvas: Canvas, screen: OfflineScreen, language: str) -> None:
    notice = NOTICES[OfflineScreen]
    first = OFFLINE_WHY.get(screen.why, notice.first).said(language)
    _notice(canvas, notice.icon, first, notice.second.said(language))


DRAWINGS: dict[type, Draw] = {
    Starting: _table,
    Idle: _idle,
    AmountDue: _amount_due,
    Scanned: _table,
    Paying: _table,
    Password: _password,
    PaidScreen: _paid,
    DeclinedScreen: _declined,
    NotPaidScreen: _not_paid,
    AskingProvider: _table,
    GivingBack: _giving_back,
    GivenBack: _given_back,
    CallCashier: _table,
    OfflineScreen: _offline,
    ClockNotSet: _table,
    StorageFailed: _table,
    ScannerMissing: _table,
}
