"""The screens on 128 by 64 pixels.

The upper half says what is the matter, the lower half is the amount and never moves: so a patient
finds it without looking for it, and only half a picture crosses the bus when the state changes.
The halves meet between two pages of the controller's memory (a page is eight rows).
"""

from collections.abc import Callable
from typing import Any

from device.display import glyphs
from device.display.canvas import Canvas, yuan
from device.display.icons import icon
from device.display.notices import Said, last_result
from device.display.texts import (
    DESK,
    GIVING_BACK,
    NO_ADDRESS,
    NO_WALLET,
    PAID,
    SHOW_CODE,
    SHOW_WALLET_CODE,
    VPN,
    WALLET_MARKS,
    WALLETS,
)
from device.domain.screens import (
    AmountDue,
    GivingBack,
    Idle,
    Message,
    OperatorView,
    PaidScreen,
)

ICON = 28  # pixels
TEXT_LEFT, TEXT_WIDTH = 31, 96  # pixels: the lines beside an icon; one is left at the edge
FIRST, SECOND = 0, 16  # rows of the two lines
LOWER = 32  # row where the lower half begins
AMOUNT_TOP, AMOUNT_HEIGHT = 36, 28
LIFT = 14  # rows: how much lower a notice without an amount stands
LINE = 16  # rows of one line of the HIS's own text
REST_EDGE = 2  # pixels kept free around a screen that stands for hours: it is shifted
Draw = Callable[[Canvas, Any, str], None]


def notice(canvas: Canvas, said: Said) -> None:
    """An icon, two lines and, if there is one, the amount."""
    down = 0 if said.amount_fen else LIFT
    canvas.put(icon(said.icon, ICON), 1, 3 + down)
    if said.second:
        canvas.text(said.first, TEXT_LEFT, FIRST + down, TEXT_WIDTH, "centre")
        seconds = None if said.alert else said.seconds_left
        aside = TEXT_WIDTH - glyphs.text_width(said.second)
        taken = canvas.seconds(seconds, TEXT_LEFT, SECOND + down, TEXT_WIDTH, aside)
        canvas.text(said.second, TEXT_LEFT, SECOND + down, TEXT_WIDTH - taken, "centre")
    else:
        canvas.text(said.first, TEXT_LEFT, (FIRST + SECOND) // 2 + down, TEXT_WIDTH, "centre")
    if said.alert:  # with dark ends: the whole width would not be changed in 24 ms on an SH1106
        canvas.invert(1, 0, canvas.width - 1, LOWER)
    if said.amount_fen:
        _amount(canvas, said.amount_fen)


def _amount(canvas: Canvas, fen: int) -> None:
    canvas.amount(fen, (0, AMOUNT_TOP, canvas.width, AMOUNT_HEIGHT))


def _idle(canvas: Canvas, screen: Idle, language: str) -> None:
    width = canvas.width - 2 * REST_EDGE
    names = glyphs.wrapped(screen.hospital, width, 2)
    rows = (2, 21, 43) if len(names) == 1 else (0, 15, 30, 46)
    for name, y in zip(names, rows, strict=False):
        canvas.foreign(name, REST_EDGE, y, width, "centre")
    canvas.foreign(DESK.said(language) + screen.desk, REST_EDGE, rows[-2], width, "centre")
    words = [WALLETS[wallet].said(language) for wallet in screen.wallets]
    if words:
        canvas.chips(words, 0, rows[-1], canvas.width, "centre")
    else:
        canvas.text(NO_WALLET.said(language), REST_EDGE, rows[-1], width, "centre")


def _amount_due(canvas: Canvas, screen: AmountDue, language: str) -> None:
    only = screen.wallets[0] if len(screen.wallets) == 1 else None
    prompt = (SHOW_WALLET_CODE[only] if only else SHOW_CODE).said(language)
    aside = canvas.width - glyphs.text_width(prompt)
    taken = canvas.seconds(screen.seconds_left, 0, FIRST, canvas.width, aside)
    canvas.text(prompt, 0, FIRST, canvas.width, "left" if taken else "centre")
    about = " ".join(part for part in (screen.title, screen.masked_name) if part)
    canvas.foreign(about, 0, SECOND, canvas.width, "left" if taken else "centre")
    _amount(canvas, screen.amount_fen)


def _paid(canvas: Canvas, screen: PaidScreen, language: str) -> None:
    heading = glyphs.large_text_image(PAID.said(language))
    room = (canvas.width - heading.width) // 2
    canvas.put(heading, room, 0)
    if room >= TEXT_LEFT:
        canvas.put(icon("tick", ICON), 1, 2)
    _amount(canvas, screen.amount_fen)
    canvas.invert(0, 0, canvas.width, canvas.height)


def _giving_back(canvas: Canvas, screen: GivingBack, language: str) -> None:
    first, *others = (phrase.said(language) for phrase in GIVING_BACK)
    canvas.put(icon("back", ICON), 1, 1)
    canvas.text(first, TEXT_LEFT, FIRST, TEXT_WIDTH, "centre")
    canvas.text(yuan(screen.amount_fen), TEXT_LEFT, SECOND, TEXT_WIDTH, "centre")
    for row, line in enumerate(others, 2):
        canvas.text(line, 0, 16 * row, canvas.width, "centre")


def _message(canvas: Canvas, screen: Message, _language: str) -> None:
    top = (canvas.height - LINE * len(screen.lines)) // 2
    for row, line in enumerate(screen.lines):
        canvas.foreign(line, REST_EDGE, top + row * LINE, canvas.width - 2 * REST_EDGE, "centre")


def _operator(canvas: Canvas, screen: OperatorView, language: str) -> None:
    marks = " ".join(WALLET_MARKS[wallet].said(language) for wallet in screen.wallets)
    rows = (
        (screen.desk, screen.version),
        (screen.address or NO_ADDRESS.said(language), ""),
        (VPN[screen.vpn_up].said(language), marks),
        last_result(screen, language)[:2],
    )
    for row, (left, right) in enumerate(rows):
        aside = glyphs.text_width(right)
        canvas.text(right, 0, 16 * row, canvas.width, "right")
        canvas.foreign(left, 0, 16 * row, canvas.width - aside)


OWN: dict[type, Draw] = {
    Idle: _idle,
    AmountDue: _amount_due,
    PaidScreen: _paid,
    GivingBack: _giving_back,
    Message: _message,
    OperatorView: _operator,
}
"""The screens that are no notice; a new one is a line here and in `wide`."""
