"""HID-POS reports (USB-IF "HID Point of Sale Usage Tables" 1.02, page 0x8C). Pure.

Vendors lay the report out differently, so the fields are read from the device's own report
descriptor (USB HID 1.11 §6.2.2), never assumed: where the length, the decoded data and the "more
follows" bit stand.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

BYTE_COUNT = 0x0001_003B  # generic desktop
DECODED_DATA = 0x008C_00FE
MORE_FOLLOWS = 0x008C_00FF
LONGEST_DESCRIPTOR = 4096  # bytes: HID_MAX_DESCRIPTOR_SIZE of the kernel
LARGEST_SHORT_USAGE = 0xFFFF  # a longer one brings its page along (§6.2.2.8)
LONGEST_REPORT_BITS = 8 * 4096

# Item tags with their type bits (§6.2.2.4, .7, .8).
INPUT, USAGE_PAGE, REPORT_SIZE, REPORT_ID, REPORT_COUNT = 0x80, 0x04, 0x74, 0x84, 0x94
PUSH, POP, USAGE, COLLECTION, END_COLLECTION, OUTPUT, FEATURE = (
    *(0xA4, 0xB4, 0x08),
    *(0xA0, 0xC0, 0x90, 0xB0),
)
MAIN_ITEMS = frozenset({INPUT, OUTPUT, FEATURE, COLLECTION, END_COLLECTION})
LONG_ITEM = 0xFE
SIZES = (0, 1, 2, 4)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field stands in a report, in bits, the report's number included."""

    bit: int
    bits: int

    def number(self, report: bytes) -> int:
        """Return the field as a number, low bits first; 0 where the report is too short."""
        whole = int.from_bytes(report, "little") >> self.bit
        return whole & ((1 << self.bits) - 1)


@dataclass(frozen=True, slots=True)
class Piece:
    """What one report holds of a code."""

    text: str
    more: bool

    def __repr__(self) -> str:
        """Leave the code out (M19)."""
        return f"Piece({len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class Layout:
    """The report that carries scans. `number` 0: reports have no number in front."""

    number: int
    data: Place
    count: Place | None
    more: Place | None

    def read(self, report: bytes) -> Piece | None:
        """Return what a report holds; None if it is another one."""
        if self.number and report[:1] != bytes((self.number,)):
            return None
        start, end = self.data.bit // 8, (self.data.bit + self.data.bits) // 8
        data = report[start:end]
        length = self.count.number(report) if self.count else len(data.rstrip(b"\0"))
        text = data[:length].decode("latin-1")
        return Piece(text, more=bool(self.more and self.more.number(report)))


@dataclass(slots=True)
class _State:
    """Global items in force (§6.2.2.7)."""

    page: int = 0
    size: int = 0
    count: int = 0
    number: int = 0


@dataclass(slots=True)
class _Report:
    """What was found of one report."""

    bit: int
    places: dict[int, Place] = field(default_factory=dict)


def layout_of(descriptor: bytes) -> Layout | None:
    """Return how scans are reported; None if the device is no HID-POS scanner. Never fails."""
    for number, report in _reports(descriptor[:LONGEST_DESCRIPTOR]).items():
        data = report.places.get(DECODED_DATA)
        if data and data.bit % 8 == 0:
            return Layout(
                number, data, report.places.get(BYTE_COUNT), report.places.get(MORE_FOLLOWS)
            )
    return None


def _reports(descriptor: bytes) -> dict[int, _Report]:
    state, stack = _State(), list[_State]()
    usages: list[int] = []
    reports: dict[int, _Report] = {}
    for tag, value in _items(descriptor):
        if tag == USAGE:
            usages.append(value if value > LARGEST_SHORT_USAGE else state.page << 16 | value)
        elif tag == INPUT:
            report = reports.setdefault(state.number, _Report(8 if state.number else 0))
            _place(report, state, usages)
        elif tag == PUSH:
            stack.append(_State(state.page, state.size, state.count, state.number))
        elif tag == POP:
            state = stack.pop() if stack else state
        else:
            _global(state, tag, value)
        if tag in MAIN_ITEMS:
            usages = []
    return reports


def _global(state: _State, tag: int, value: int) -> None:
    if tag == USAGE_PAGE:
        state.page = value
    elif tag == REPORT_SIZE:
        state.size = min(value, LONGEST_REPORT_BITS)
    elif tag == REPORT_COUNT:
        state.count = value
    elif tag == REPORT_ID:
        state.number = value & 0xFF  # one byte in front of a report (§5.6)


def _place(report: _Report, state: _State, usages: list[int]) -> None:
    """Note where each usage stands: the last one has all fields that are left (§6.2.2.8)."""
    bits = min(state.size * state.count, LONGEST_REPORT_BITS)
    for index, usage in enumerate(usages[: state.count]):
        last = index == len(usages) - 1
        width = max(0, bits - index * state.size) if last else state.size
        report.places.setdefault(usage, Place(report.bit + index * state.size, width))
    report.bit = min(report.bit + bits, LONGEST_REPORT_BITS)


def _items(descriptor: bytes) -> Iterator[tuple[int, int]]:
    """Yield tag and value of each short item; long ones are passed over."""
    at = 0
    while at < len(descriptor):
        prefix = descriptor[at]
        if prefix == LONG_ITEM:
            at += 3 + (descriptor[at + 1] if at + 1 < len(descriptor) else 0)
            continue
        size = SIZES[prefix & 3]
        yield prefix & 0xFC, int.from_bytes(descriptor[at + 1 : at + 1 + size], "little")
        at += 1 + size
