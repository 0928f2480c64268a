"""Draw the wiring pictures of the technician's manual: `make wiring`.

The pins come from `device/config`, so that a picture never shows another pin than the program's
own. Each picture is one SVG text for each language; a test compares the stored files with this
one's output, and the pin tables of the manuals with `table`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from device.config.sections import Display, Lamp

TARGET = Path(__file__).parent / "wiring"
LANGUAGES = ("zh", "en")
FONT = "'Noto Sans CJK SC','Microsoft YaHei','PingFang SC',sans-serif"
INK, PAPER, BOARD, COPPER = "#1f2933", "#ffffff", "#1d6b45", "#d9a441"
ROWS, ROW, TOP, MIDDLE = 20, 22, 96, 480  # of pins; pixels between them, above, to the left
PART_WIDTH, LEFT, RIGHT, WIDTH = 210, 20, 730, 960
EDGE = 104  # pixels from the middle of the header to the edge of the board as it is drawn


class Said(NamedTuple):
    """One text in each language."""

    zh: str
    en: str

    def by(self, language: str) -> str:
        """Return the text in `zh` or `en`."""
        return self.en if language == "en" else self.zh


class Wire(NamedTuple):
    """From a pin of the header to a terminal of a part."""

    pin: int
    terminal: Said
    colour: str


@dataclass(frozen=True, slots=True)
class Part:
    """What hangs on some pins, at one side of the header."""

    name: Said
    side: str
    wires: Sequence[Wire]
    note: Said
    """Lines under it."""


NAMES = (
    *("3V3", "5V", "GPIO2", "5V", "GPIO3", "GND", "GPIO4", "GPIO14", "GND", "GPIO15"),
    *("GPIO17", "GPIO18", "GPIO27", "GND", "GPIO22", "GPIO23", "3V3", "GPIO24", "GPIO10", "GND"),
    *("GPIO9", "GPIO25", "GPIO11", "GPIO8", "GND", "GPIO7", "ID", "ID", "GPIO5", "GND"),
    *("GPIO6", "GPIO12", "GPIO13", "GND", "GPIO19", "GPIO16", "GPIO26", "GPIO20", "GND", "GPIO21"),
)
"""The forty pins of the header, from 1 on, by Broadcom's numbers."""
PIN = {int(name[4:]): pin for pin, name in enumerate(NAMES, 1) if name.startswith("GPIO")}
LAMP, DISPLAY = Lamp(), Display()
RED, BLACK, BLUE, YELLOW = "#c92a2a", "#343a40", "#1971c2", "#e8a200"
GREEN, PURPLE, ORANGE, GREY = "#2f9e44", "#7048e8", "#e8590c", "#868e96"


def same(text: str) -> Said:
    """Return a text that is the same everywhere."""
    return Said(text, text)


GROUND = same("GND")
LAMPS = Part(
    Said("灯与蜂鸣器", "Lamps and buzzer"),
    "left",
    [
        Wire(PIN[LAMP.green], Said("绿灯 +", "green +"), GREEN),
        Wire(PIN[LAMP.red], Said("红灯 +", "red +"), RED),
        Wire(PIN[LAMP.buzzer], Said("蜂鸣器 +", "buzzer +"), PURPLE),
        Wire(39, GROUND, BLACK),
    ],
    Said(
        "高电平动作；LED 串 330 Ω\n超过 16 mA 或 5、12 V 的，\n经三极管或继电器板",
        "High is on; 330 Ω before an LED.\n"
        "More than 16 mA, or 5 or 12 V:\n"
        "by a transistor or relay board",
    ),
)
BUTTON = Part(
    Said("取消键", "Cancel button"),
    "right",
    [Wire(14, same("1"), BLACK), Wire(PIN[LAMP.cancel_button], same("2"), ORANGE)],
    Said("按下接通两端，不用电阻", "Closes when pressed; no resistor"),
)
OLED = Part(
    Said("屏幕 128x64（I2C）", "Panel 128x64 (I2C)"),
    "left",
    [
        Wire(1, same("VCC"), RED),
        Wire(PIN[2], same("SDA"), BLUE),
        Wire(PIN[3], same("SCL"), YELLOW),
        Wire(9, GROUND, BLACK),
    ],
    Said("SSD1306、SSD1309、SH1106", "SSD1306, SSD1309, SH1106"),
)
OLED_SPI = Part(
    Said("屏幕 256x64（SPI）", "Panel 256x64 (SPI)"),
    "right",
    [
        Wire(17, same("VCC"), RED),
        Wire(PIN[DISPLAY.spi_dc], same("D/C"), PURPLE),
        Wire(PIN[10], same("SDIN"), BLUE),
        Wire(PIN[DISPLAY.spi_reset], same("RES"), GREY),
        Wire(PIN[11], same("SCLK"), YELLOW),
        Wire(PIN[8], same("CS"), GREEN),
        Wire(25, GROUND, BLACK),
    ],
    same("SSD1322"),
)
HEADERS = {
    "header": (Said("接线：I2C 屏幕", "Wiring: I2C panel"), (OLED, LAMPS, BUTTON)),
    "header-spi": (Said("接线：SPI 屏幕", "Wiring: SPI panel"), (LAMPS, BUTTON, OLED_SPI)),
}


def table(part: Part) -> list[tuple[int, str]]:
    """Return the pins of a part with their names, as they stand in the manuals."""
    return [(wire.pin, NAMES[wire.pin - 1]) for wire in part.wires]


def row_of(pin: int) -> int:
    """Return where a pin stands, in pixels from above."""
    return TOP + (pin - 1) // 2 * ROW


def column_of(pin: int) -> int:
    """Return where a pin stands, in pixels from the left: odd pins are the left column."""
    return MIDDLE + (-12 if pin % 2 else 12)


def text(x: float, y: float, said: str, size: int = 14, anchor: str = "start", **more: str) -> str:
    """Return a line of text."""
    rest = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    place = f'x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}"'
    return f"<text {place}{rest}>{escape(said)}</text>"


def box(x: int, y: int, width: int, height: int, fill: str = "#f1f5f9") -> str:
    """Return a rectangle with rounded corners."""
    size = f'x="{x}" y="{y}" width="{width}" height="{height}" rx="8"'
    return f'<rect {size} fill="{fill}" stroke="{INK}"/>'


def board(language: str) -> Iterator[str]:
    """Draw the edge of the board and the header's body."""
    height = ROWS * ROW
    yield box(MIDDLE - EDGE, TOP - 58, 2 * EDGE, height + 78, BOARD)
    top = Said("SD 卡一端在上", "the card's end is up").by(language)
    yield text(MIDDLE, TOP - 36, top, 12, "middle", fill=PAPER)
    yield f'<rect x="{MIDDLE - 26}" y="{TOP - 16}" width="52" height="{height + 10}" fill="#111"/>'


def pins(used: set[int]) -> Iterator[str]:
    """Draw the forty pins over the wires; the names of those in use are bold."""
    for pin in range(1, len(NAMES) + 1):
        x, y = column_of(pin), row_of(pin)
        first = f'<rect x="{x - 7}" y="{y - 12}" width="14" height="14"'
        colour = COPPER if pin in used else "#6b7280"
        yield (
            first if pin == 1 else f'<circle cx="{x}" cy="{y - 5}" r="7"'
        ) + f' fill="{colour}"/>'
        yield text(x, y - 1, str(pin), 9, "middle", fill="#111")
        x, anchor = (x - 18, "end") if pin % 2 else (x + 18, "start")
        weight, ink = ("bold", PAPER) if pin in used else ("normal", "#9fc6b1")
        halo = {"paint_order": "stroke", "stroke": BOARD, "stroke_width": "5"}
        yield text(x, y, NAMES[pin - 1], 12, anchor, fill=ink, font_weight=weight, **halo)


def leaves_at(wire: Wire, part: Part) -> int:
    """Return the height at which a wire leaves the header: a far column's between two rows."""
    near = (wire.pin % 2 == 1) == (part.side == "left")
    return row_of(wire.pin) - 5 + (0 if near else ROW // 2)


def wires_of(part: Part) -> list[Wire]:
    """Return them from above, so that no two cross."""
    return sorted(part.wires, key=lambda wire: leaves_at(wire, part))


def wire_line(wire: Wire, part: Part, edge: int, y: int) -> str:
    """Draw one wire, from its pin past the edge of the board to the part."""
    start, level = column_of(wire.pin), leaves_at(wire, part)
    out = MIDDLE + (-EDGE if part.side == "left" else EDGE)
    bend = (out + edge) // 2
    path = f"M{start} {row_of(wire.pin) - 5} L{start + (0 if wire.pin % 2 == 0 else 4)} {level}"
    path += f" L{out} {level} C{bend} {level} {bend} {y} {edge} {y}"
    return wire_path(path, wire.colour)


def wire_path(path: str, colour: str) -> str:
    """Return a line in a wire's colour."""
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="3"/>'


def part_lines(part: Part, top: int, language: str) -> Iterator[str]:
    """Draw a part with its terminals and the wires to them."""
    left = part.side == "left"
    x, edge = (LEFT, LEFT + PART_WIDTH) if left else (RIGHT, RIGHT)
    yield box(x, top, PART_WIDTH, height_of(part))
    yield text(x + PART_WIDTH / 2, top + 22, part.name.by(language), 15, "middle")
    inward, anchor = (-12, "end") if left else (12, "start")
    for at, wire in enumerate(wires_of(part)):
        y = top + 46 + at * 24
        yield wire_line(wire, part, edge, y - 5)
        yield f'<circle cx="{edge}" cy="{y - 5}" r="5" fill="{wire.colour}"/>'
        yield text(edge + inward, y, wire.terminal.by(language), 14, anchor)
    for at, line in enumerate(part.note.by(language).split("\n")):
        yield text(x, top + height_of(part) + 20 + at * 17, line, 12, fill="#475569")


def height_of(part: Part) -> int:
    """Return the height of a part's box."""
    return 34 + len(part.wires) * 24


def header_picture(title: Said, parts: Sequence[Part], language: str) -> str:
    """Draw the header and what hangs on it."""
    used = {wire.pin for part in parts for wire in part.wires}
    lines = [text(WIDTH / 2, 26, title.by(language), 18, "middle"), *board(language)]
    below = {"left": 0, "right": 0}
    for part in parts:
        top = max(below[part.side], leaves_at(wires_of(part)[0], part) - 46)
        below[part.side] = top + height_of(part) + 90
        lines += part_lines(part, top, language)
    lines += pins(used)
    return svg(lines, TOP + ROWS * ROW + 40)


BOX_NAME = Said("扫码墩（树莓派）", "The box (Raspberry Pi)")
PORTS = [
    (Said("USB", "USB"), Said("扫码枪", "Scanner"), Said("任一 USB 口", "any USB port")),
    (
        Said("USB", "USB"),
        Said("USB 转 RS-232 → HIS 电脑", "USB to RS-232 → HIS computer"),
        Said("交叉线，见下一图；走网线时不用", "crossed cable, next picture; not with TCP"),
    ),
    (
        Said("网口", "Ethernet"),
        Said("院内网：HIS、VPN 前置机", "Hospital: HIS, VPN front machine"),
        Said("灯亮即线路正常", "its light says the wire is well"),
    ),
    (
        Said("电源", "Power"),
        Said("5 V 3 A，原装电源", "5 V 3 A, the maker's supply"),
        Said("可随时断电，不丢流水", "may be pulled at any time"),
    ),
]
"""Port, what is plugged in, and what to know of it."""


def ports_picture(language: str) -> str:
    """Draw what is plugged into the Pi's sockets."""
    lines = [box(40, 60, 260, 300, BOARD)]
    lines += [text(170, 44, BOX_NAME.by(language), 16, "middle")]
    for at, (port, part, note) in enumerate(PORTS):
        y = 76 + at * 70
        lines += [
            box(220, y, 110, 50, "#cbd5e1"),
            text(275, y + 31, port.by(language), 15, "middle"),
            f'<path d="M330 {y + 25} H480" stroke="{INK}" stroke-width="5"/>',
            box(480, y, 440, 50),
            text(496, y + 22, part.by(language), 15),
            text(496, y + 41, note.by(language), 12, fill="#475569"),
        ]
    return svg(lines, 390)


CROSSED = {2: 3, 3: 2, 5: 5}
"""RS-232, nine poles, between two computers: each one's TxD (3) is the other's RxD (2)."""
POLES = {2: "RxD", 3: "TxD", 5: "GND"}


def serial_picture(language: str) -> str:
    """Draw the crossed cable between the HIS's computer and the box."""
    ends = (Said("HIS 电脑串口", "HIS computer"), Said("扫码墩 USB 转串口", "Box, USB to RS-232"))
    title = Said("RS-232 交叉线（DB9）", "RS-232, crossed (DB9)").by(language)
    lines = [text(WIDTH / 2, 28, title, 18, "middle")]
    places = {pole: 120 + at * 60 for at, pole in enumerate(CROSSED)}
    for x, end in zip((60, 660), ends, strict=True):
        lines += [box(x, 60, 240, 210), text(x + 120, 88, end.by(language), 15, "middle")]
    for (pole, other), colour in zip(CROSSED.items(), (BLUE, RED, BLACK), strict=True):
        y, there = places[pole], places[other]
        lines += [
            wire_path(f"M300 {y} C480 {y} 480 {there} 660 {there}", colour),
            text(288, y + 5, f"{pole} {POLES[pole]}", 15, "end"),
            text(672, y + 5, f"{pole} {POLES[pole]}", 15),
        ]
    return svg(lines, 300)


def svg(lines: Sequence[str], height: int) -> str:
    """Return a whole picture on white."""
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT}" fill="{INK}">'
    ground = f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>'
    return "\n".join([start, ground, *lines, "</svg>", ""])


def pictures() -> dict[str, str]:
    """Return every picture by its file name."""
    drawn = {}
    for language in LANGUAGES:
        for name, (title, parts) in HEADERS.items():
            drawn[f"{name}.{language}.svg"] = header_picture(title, parts, language)
        drawn[f"ports.{language}.svg"] = ports_picture(language)
        drawn[f"serial.{language}.svg"] = serial_picture(language)
    return drawn


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    for file, drawn in pictures().items():
        (TARGET / file).write_text(drawn, encoding="utf-8")
