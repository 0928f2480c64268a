"""A payment's trace as a picture: one bar for each thing that was done, on one scale of time."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from center.ledger.models import Trace as Kept
from device.domain.trace import Mark, Share, Stretch, Trace, own_ms, stretches

LEFT, WIDTH, ROW = 230, 560, 24
"""Pixels: where the bars begin, how long the whole payment is, how high a row."""
THIN = 2.0  # a bar that would be thinner is drawn so wide: it took a moment all the same
NAMES = {
    Share.BOX: _("扫码墩"),
    Share.PROVIDER: _("平台"),
    Share.SCANNER: _("扫码枪"),
    Share.PAYER: _("顾客"),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch, in pixels."""

    name: str
    share: str
    y: int
    x: float
    width: float
    begin_ms: float
    took_ms: float

    @property
    def middle(self) -> int:
        """Where its text stands."""
        return self.y + ROW // 2 + 4


@dataclass(frozen=True, slots=True)
class Picture:
    """The whole drawing."""

    bars: tuple[Bar, ...]
    whole_ms: float
    own_ms: float

    @property
    def height(self) -> int:
        """In pixels, with the line of the scale."""
        return ROW * (len(self.bars) + 1)

    @property
    def ticks(self) -> list[tuple[float, float]]:
        """Place and milliseconds of the marks of the scale."""
        return [(LEFT + WIDTH * part / 4, self.whole_ms * part / 4) for part in range(5)]

    @property
    def legend(self) -> list[tuple[str, object]]:
        """The kinds of bars that are in it."""
        return [(s.value, name) for s, name in NAMES.items() if s in {b.share for b in self.bars}]


def drawn(kept: Kept | None) -> Picture | None:
    """Return the picture; None where no trace came, or none that can be read."""
    if kept is None:
        return None
    try:
        trace = Trace(kept.uid, tuple((Mark(name), float(ms)) for name, ms in kept.marks))
    except (TypeError, ValueError):
        return None
    found = stretches(trace)
    if not found:
        return None
    whole_ms = max(ms for _mark, ms in trace.marks)
    return Picture(tuple(_bars(found, whole_ms)), whole_ms, own_ms(trace))


def _bars(found: list[Stretch], whole_ms: float) -> Iterator[Bar]:
    english = (get_language() or "").startswith("en")
    scale = WIDTH / (whole_ms or 1.0)
    for number, stretch in enumerate(found):
        width = max(THIN, stretch.took_ms * scale)
        x = LEFT + min(stretch.begin_ms * scale, WIDTH - width)
        name = stretch.en if english else stretch.zh
        yield Bar(
            name, stretch.share.value, number * ROW, x, width, stretch.begin_ms, stretch.took_ms
        )
