"""What unchanged HIS programs send to a customer display or a voice announcer, as tables of bytes.

One file a family. Each gives a decoder: `feed(data, now_s)` returns what the bytes are and mean; it
keeps a bounded rest, never raises, and finds its way again after any garbage (his-link §5).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from device.his_link.dialects import announcer, led8n, text_display
from device.his_link.dialects.commands import Decoded

__all__ = ["ANNOUNCER", "DIALECTS", "DISPLAYS", "Decoded", "Decoder", "Dialect", "Site"]


@dataclass(frozen=True, slots=True)
class Site:
    """What differs from site to site."""

    pattern: str = ""
    """For free text: a regular expression whose group is the amount in yuan."""
    encoding: str = "gbk"
    terminator: bytes = b""


class Decoder(Protocol):
    """Bytes in, meaning out; pure but for what it keeps of the line."""

    def feed(self, data: bytes, now_s: float) -> list[Decoded]:
        """Take what came at this monotonic time; return what is complete now, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to talk to a display or an announcer."""

    name: str
    chinese: str
    baudrate: int
    """What such devices are usually set to."""
    make: Callable[[Site], Decoder]
    free_text: bool = False
    """The amount stands in text, so the site must say where."""


def _text(table: text_display.Table) -> Callable[[Site], Decoder]:
    return lambda site: text_display.TextDisplay(table, site.pattern, site.encoding)


DISPLAYS = {
    "led8n": Dialect("led8n", "LED8N 数码管客显", 2400, lambda _: led8n.Led8n()),
    "cd5220": Dialect(
        "cd5220", "CD5220 字符客显", 9600, _text(text_display.CD5220), free_text=True
    ),
    "escpos": Dialect(
        "escpos", "ESC/POS 字符客显", 9600, _text(text_display.ESCPOS), free_text=True
    ),
    "lk822": Dialect("lk822", "LK822 汉字客显", 9600, _text(text_display.LK822), free_text=True),
}
ANNOUNCER = Dialect(
    "announcer",
    "语音报价器",
    9600,
    lambda site: announcer.Announcer(site.terminator, site.encoding),
)
DIALECTS = {**DISPLAYS, "announcer": ANNOUNCER}
