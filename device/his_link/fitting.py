"""Which dialect an unknown program speaks: every decoder hears all, the best one is named."""

import re
from dataclasses import dataclass

from device.domain.line import Meaning
from device.his_link.dialects import DIALECTS, Decoded, Decoder, Dialect, Site

FITS = 0.6  # of the bytes understood: garbage at a wrong rate reaches a third by chance
ENOUGH_BYTES = 8  # less says nothing
TEXT_COUNTS = 0.5  # plain text fits any text display, so it proves half as much as a command
SCREENS_KEPT = 50  # texts in which the amount is looked for
TEXT = re.compile(r"[^\x00-\x1f\x7f\ufffd]+")
DUE_WORDS = (
    "应收现金",
    "应收金额",
    "应收",
    "应付",
    "应缴",
    "合计",
    "总计",
    "TOTAL",
    "AMOUNT",
    "DUE",
)
"""What stands before the amount due, the surest first."""
LONG_DIGITS = re.compile(rb"[0-9]{16,}")
"""A payer code, a bank card, an identity number: never shown."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a dialect explains the bytes."""

    dialect: Dialect
    share: float
    """0 to 1."""
    amounts_fen: tuple[int, ...]
    pattern: str
    """The amount pattern that fits, for free text."""


class _Ear:
    """One dialect's decoder, and what it understood."""

    def __init__(self, dialect: Dialect, site: Site) -> None:
        self.dialect = dialect
        self._decoder: Decoder = dialect.make(site)
        self._pattern = site.pattern
        self._known = 0.0
        self._amounts: list[int] = []
        self._screens: list[str] = []

    def feed(self, data: bytes, now_s: float) -> list[Decoded]:
        found = self._decoder.feed(data, now_s)
        for decoded in found:
            self._known += len(decoded.raw) * self._weight(decoded)
            if decoded.said and decoded.said.meaning is Meaning.DUE:
                self._amounts = [*self._amounts, decoded.said.amount_fen][-SCREENS_KEPT:]
        if self.dialect.free_text:
            self._screens = [*self._screens, self._decoder.text][-SCREENS_KEPT:]  # type: ignore[attr-defined]  # text displays have it
        return found

    def _weight(self, decoded: Decoded) -> float:
        if decoded.name:
            return 1.0
        readable = self.dialect.free_text and TEXT.fullmatch(decoded.text)
        return TEXT_COUNTS if readable else 0.0

    def fit(self, heard: int) -> Fit:
        share = self._known / heard if heard else 0.0
        pattern = self._pattern or (_pattern(self._screens) if self.dialect.free_text else "")
        return Fit(self.dialect, share, tuple(self._amounts), pattern)


class Fitting:
    """Hears a line at one rate."""

    def __init__(self, pattern: str = "", encoding: str = "gbk") -> None:
        self._site = Site(pattern, encoding)
        self._ears = [_Ear(d, self._site) for d in DIALECTS.values()]
        self.heard = 0

    def anew(self) -> "Fitting":
        """Return one that has heard nothing yet."""
        return Fitting(self._site.pattern, self._site.encoding)

    def feed(self, data: bytes, now_s: float) -> list[Decoded]:
        """Return what the dialect that fits best makes of these bytes."""
        self.heard += len(data)
        found = {ear.dialect.name: ear.feed(data, now_s) for ear in self._ears}
        return found[self.best.dialect.name]

    @property
    def best(self) -> Fit:
        """The dialect that explains most; of equals the first in the table."""
        return max((ear.fit(self.heard) for ear in self._ears), key=lambda fit: fit.share)

    @property
    def sure(self) -> bool:
        """Whether it explains enough of enough."""
        return self.heard >= ENOUGH_BYTES and self.best.share >= FITS

    @property
    def hopeless(self) -> bool:
        """Whether nothing explains what came: another rate, or a device that is not known."""
        return self.heard >= ENOUGH_BYTES and self.best.share < FITS


def _pattern(screens: list[str]) -> str:
    """Return an amount pattern that finds a number on the screens that were seen, or nothing."""
    for word in DUE_WORDS:
        pattern = rf"{word} *[:：]? *([0-9.,]+)"
        if any(re.search(pattern, screen) for screen in screens):
            return pattern
    return ""


def masked(data: bytes) -> bytes:
    """Return the bytes with `*` for each digit of a run of 16 or more."""
    return LONG_DIGITS.sub(lambda match: b"*" * len(match[0]), data)


def proposal(fit: Fit, port: str, baudrate: int) -> str:
    """Return the lines of `paybox.toml` for what was heard."""
    where = f'port = "{port}"\nbaudrate = {baudrate}\n'
    if fit.dialect.name == "announcer":
        return f'[his]\nlink = "announcer"\n[his.announcer]\n{where}'
    lines = f'[his]\nlink = "customer_display"\n[his.customer_display]\n{where}'
    lines += f'profile = "{fit.dialect.name}"\n'
    if fit.dialect.free_text:
        lines += f"amount_pattern = '{fit.pattern}'\n"
    return lines
