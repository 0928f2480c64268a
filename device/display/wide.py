"""The screens on 256 by 64 pixels: twice the letters, read from twice as far.

Waiting for a code, the amount stands on the left and the request on the right, both as large as
the glass is high. Everything else is a large icon, a heading beside it, and below the heading the
second line and the amount.
"""

from collections.abc import Callable
from typing import Any

from device.display import glyphs
from device.display.canvas import LARGE, Canvas
from device.display.icons import icon
from device.display.notices import Said, last_result
from device.display.texts import (
    DESK,
    GIVING_BACK,
    NO_ADDRESS,
    NO_WALLET,
    PAID,
    SHOW_CODE_IN_TWO,
    SHOW_WALLET_CODE_IN_TWO,
    VPN,
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

ICON = 52  # pixels
TEXT_LEFT = 60  # pixels: the heading begins here
SECOND = 32  # row of a second heading
LOWER, LOWER_HEIGHT = 36, 28  # rows of the amount under a heading
SMALL = 44  # row of a small line beside that amount
PROMPT = 100  # pixels for the request on the right
GAP = 8
EDGE = 2  # pixels between an amount and the edge of the glass
LINE = 16  # rows of one line of the HIS's own text
REST_EDGE = 4  # pixels kept free around a screen that stands for hours: it is shifted
Draw = Callable[[Canvas, Any, str], None]


def notice(canvas: Canvas, said: Said) -> None:
    """An icon, a heading, and under it the second line and the amount."""
    room = canvas.width - TEXT_LEFT
    canvas.put(icon(said.icon, ICON), 4, 6)
    seconds = None if said.alert else said.seconds_left
    aside = room - LARGE * glyphs.text_width(said.first)
    taken = canvas.seconds(seconds, TEXT_LEFT, 0, room, aside)
    canvas.heading(said.first, TEXT_LEFT, 0, room - taken)
    if said.alert:
        canvas.invert(TEXT_LEFT - 4, 0, canvas.width, SECOND)
    if said.amount_fen:
        _beside_amount(canvas, said.second, said.amount_fen)
    elif said.second:
        canvas.heading(said.second, TEXT_LEFT, SECOND, room)


def _beside_amount(canvas: Canvas, line: str, fen: int) -> None:
    canvas.text(line, TEXT_LEFT, SMALL, canvas.width - TEXT_LEFT)
    left = TEXT_LEFT + glyphs.text_width(line) + GAP
    width = canvas.width - left - EDGE
    canvas.amount(fen, (left, LOWER, width, LOWER_HEIGHT), "right")


def _idle(canvas: Canvas, screen: Idle, language: str) -> None:
    width = canvas.width - 2 * REST_EDGE
    if LARGE * glyphs.text_width(screen.hospital) <= width:
        name = glyphs.large_text_image(screen.hospital)
        canvas.put(name, (canvas.width - name.width) // 2, 1)
    else:
        canvas.foreign(screen.hospital, REST_EDGE, 8, width, "centre")
    words = [WALLETS[wallet].said(language) for wallet in screen.wallets]
    if words:
        canvas.chips(words, REST_EDGE, 42, width, "right")
    else:
        canvas.text(NO_WALLET.said(language), REST_EDGE, 43, width, "right")
    canvas.foreign(DESK.said(language) + screen.desk, REST_EDGE, 43, width // 2)


def _amount_due(canvas: Canvas, screen: AmountDue, language: str) -> None:
    only = screen.wallets[0] if len(screen.wallets) == 1 else None
    prompt = SHOW_WALLET_CODE_IN_TWO[only] if only else SHOW_CODE_IN_TWO
    left = canvas.width - PROMPT
    for row, phrase in enumerate(prompt):
        line = glyphs.large_text_image(phrase.said(language))
        canvas.put(line, left + (PROMPT - line.width) // 2, row * SECOND)
    width = left - GAP - EDGE
    canvas.image.paste(1, (left - 4, 4, left - 3, canvas.height - 4))
    taken = canvas.seconds(screen.seconds_left, EDGE, 0, width, width)
    about = " ".join(part for part in (screen.title, screen.masked_name) if part)
    canvas.foreign(about, EDGE, 0, width - taken - (GAP if taken else 0))
    canvas.amount(screen.amount_fen, (EDGE, 20, width, 42), "left")


def _paid(canvas: Canvas, screen: PaidScreen, language: str) -> None:
    canvas.put(icon("tick", ICON), 4, 6)
    canvas.heading(PAID.said(language), TEXT_LEFT, 1, canvas.width - TEXT_LEFT)
    _beside_amount(canvas, WALLETS[screen.wallet].said(language), screen.amount_fen)
    canvas.invert(0, 0, canvas.width, canvas.height)


def _giving_back(canvas: Canvas, screen: GivingBack, language: str) -> None:
    first, *others = (phrase.said(language) for phrase in GIVING_BACK)
    canvas.put(icon("back", ICON), 4, 6)
    canvas.heading(first, TEXT_LEFT, 0, canvas.width - TEXT_LEFT)
    for row, line in enumerate(others, 2):
        canvas.text(line, TEXT_LEFT, 16 * row, canvas.width - TEXT_LEFT)
    widest = max(glyphs.text_width(line) for line in others)
    left = TEXT_LEFT + widest
    canvas.amount(screen.amount_fen, (left, LOWER, canvas.width - left, LOWER_HEIGHT), "right")


def _message(canvas: Canvas, screen: Message, _language: str) -> None:
    """Two lines stand in double size, if they fit; more in single."""
    width = canvas.width - 2 * REST_EDGE
    large = len(screen.lines) * SECOND <= canvas.height and all(
        LARGE * glyphs.text_width(line) <= width for line in screen.lines
    )
    height = SECOND if large else LINE
    top = (canvas.height - height * len(screen.lines)) // 2
    for row, line in enumerate(screen.lines):
        if large:
            picture = glyphs.large_text_image(line)
            canvas.put(picture, (canvas.width - picture.width) // 2, top + row * height)
        else:
            canvas.foreign(line, REST_EDGE, top + row * height, width, "centre")


def _operator(canvas: Canvas, screen: OperatorView, language: str) -> None:
    half = canvas.width // 2 - GAP
    words = [WALLETS[wallet].said(language) for wallet in screen.wallets]
    word, amount, time = last_result(screen, language)
    canvas.foreign(DESK.said(language) + screen.desk, 0, 0, half)
    canvas.text(screen.version, half, 0, canvas.width - half, "right")
    canvas.foreign(screen.address or NO_ADDRESS.said(language), 0, 16, canvas.width)
    canvas.text(VPN[screen.vpn_up].said(language), 0, SECOND, half)
    canvas.text(" ".join(words), half, SECOND, canvas.width - half, "right")
    canvas.text(f"{word}  {time}", 0, 48, canvas.width)
    canvas.text(amount, half, 48, canvas.width - half, "right")


OWN: dict[type, Draw] = {
    Idle: _idle,
    AmountDue: _amount_due,
    PaidScreen: _paid,
    GivingBack: _giving_back,
    Message: _message,
    OperatorView: _operator,
}
"""The screens that are no notice; a new one is a line here and in `narrow`."""
