"""A scripted scanner: whatever happens to its keys, exactly the right codes come out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from device.drivers.evdev_scanner import Keyboard
from device.drivers.scan_sink import ScanSink

if TYPE_CHECKING:
    from tests.drivers.conftest import Bench, PipeNode

pytest.importorskip("evdev", reason="evdev is built from source; the card has it")

WECHAT = "134567890123456789"
ALIPAY = "281234567890123456"
OTHER = "130000000000000001"
EV_SYN, EV_KEY, SYN_DROPPED = 0, 1, 3
KEY_5, KEY_7, KEY_ENTER = 6, 8, 28
ALT, KEYPAD = 56, (82, 79, 80, 81, 75, 76, 77, 71, 72, 73)


@dataclass
class Due:
    when_s: float
    call: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Hand:
    """A keyboard over a pipe with a clock of its own; `said` is what the box was told."""

    make: Callable[[], "PipeNode"]
    said: list[str] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sink = ScanSink(
            on_scan=lambda text, _: self.said.append(text),
            on_garbled=lambda why: self.said.append(f"({why})"),
            on_online=lambda _: None,
        )
        self.plug()

    def plug(self) -> None:
        self.node = self.make()
        self.keyboard = Keyboard(self.node, self.sink, call_at=self._call_at)
        self.keyboard.open()

    def unplug(self) -> None:
        self.node.unplug()
        with pytest.raises(OSError, match="No such device"):
            self.keyboard.read()
        self.keyboard.unplugged()
        self.node.close()

    def keys(self, text: str, pace_us: int = 8000) -> None:
        for char in text:
            self.node.tap(char, 0)
            self.keyboard.read()
            self.wait(pace_us / 1e6)

    def lose(self, text: str) -> None:
        """The kernel's buffer runs over: these keys are gone, the newest event is kept."""
        for char in text:
            self.node.tap(char, 8000)
        while list(self._waiting()):
            pass
        self.node.emit((EV_SYN, SYN_DROPPED, 0), (EV_KEY, KEY_7, 0), (EV_SYN, 0, 0))
        self.keyboard.read()

    def wait(self, seconds: float) -> None:
        """Let time pass; what is due in it is called in order."""
        until_s = self.node.now_us / 1e6 + seconds
        while ready := [d for d in self.due if d.when_s <= until_s and not d.cancelled]:
            first = min(ready, key=lambda d: d.when_s)
            self.due.remove(first)
            first.call()
        self.node.now_us += round(seconds * 1e6)

    def _waiting(self) -> Iterator[object]:
        try:
            yield from self.node.read()
        except BlockingIOError:
            return

    def _call_at(self, when_s: float, call: Callable[[], None]) -> Due:
        self.due.append(Due(when_s, call))
        return self.due[-1]


def overrun_in_the_middle(hand: Hand) -> None:
    hand.keys(WECHAT[:5])
    hand.lose(WECHAT[5:11])
    hand.keys(WECHAT[11:] + "\r")  # a shortened code that ends in a proper Enter
    hand.wait(0.5)
    hand.keys(WECHAT + "\r")


def overrun_that_took_the_enter(hand: Hand) -> None:
    hand.keys(WECHAT[:5])
    hand.lose(WECHAT[5:] + "\r")
    hand.wait(1.2)
    hand.keys(WECHAT + "\r")


def overrun_of_a_code_that_looks_whole(hand: Hand) -> None:
    hand.keys(ALIPAY[:9])
    hand.lose("12345678")
    hand.keys(ALIPAY[:16] + "\r")
    hand.wait(2)


def unplugged_in_the_middle(hand: Hand) -> None:
    hand.keys(WECHAT[:9])
    hand.unplug()
    hand.plug()
    hand.keys(WECHAT[9:] + "\r")  # the scanner goes on with what it has
    hand.keys(WECHAT + "\r")


def unplugged_while_a_key_was_down(hand: Hand) -> None:
    hand.node.press(KEY_5)
    hand.keyboard.read()
    hand.node.press(KEY_5, 0)  # the kernel lets it go first
    hand.unplug()
    hand.plug()
    hand.keys(WECHAT + "\r")


def digit_stuck_before_the_scan(hand: Hand) -> None:
    hand.node.press(KEY_5)
    for _ in range(20):
        hand.node.press(KEY_5, 2)  # the kernel repeats it
    hand.keyboard.read()
    hand.wait(1)  # a lone "5" without an end
    hand.keys(ALIPAY.replace("5", "") + "\r")  # further 5s give no key-down
    hand.wait(1)
    hand.node.press(KEY_5, 0)
    hand.keys(ALIPAY + "\r")


def digit_stuck_in_the_middle(hand: Hand) -> None:
    hand.keys(ALIPAY[:6])
    hand.node.press(KEY_5)
    hand.keyboard.read()
    hand.keys(ALIPAY[7:].replace("5", "") + "\r")


def enter_stuck(hand: Hand) -> None:
    hand.keys(WECHAT)
    hand.node.press(KEY_ENTER)
    hand.keyboard.read()
    hand.wait(2)
    hand.keys(OTHER)  # its Enter gives no key-down any more
    hand.wait(2)
    hand.node.press(KEY_ENTER, 0)
    hand.keys(OTHER + "\r")


def read_twice(hand: Hand) -> None:
    hand.keys(WECHAT + "\r")
    hand.wait(0.4)
    hand.keys(WECHAT + "\r")
    hand.wait(2)


def the_same_code_shown_again_later(hand: Hand) -> None:
    hand.keys(WECHAT + "\r")
    hand.wait(2)
    hand.keys(WECHAT + "\r")


def no_suffix(hand: Hand) -> None:
    hand.keys(WECHAT)
    hand.wait(0.5)
    hand.keys(ALIPAY)
    hand.wait(0.5)


def suffix_just_after_the_code_was_complete(hand: Hand) -> None:
    hand.keys(WECHAT)
    hand.wait(0.05)
    hand.keys("\r\n")
    hand.wait(0.5)
    hand.keys(OTHER + "\r")


def french_layout(hand: Hand) -> None:
    hand.keys("!#$%^&*()!@#$%^&*(\r")
    hand.wait(1)
    hand.keys(WECHAT + "\r")


def alt_mode(hand: Hand) -> None:
    for char in WECHAT + "\r":
        hand.node.press(ALT)
        for digit in str(ord(char)):
            code = KEYPAD[int(digit)]
            hand.node.press(code)
            hand.node.press(code, 0)
        hand.node.press(ALT, 0)
        hand.keyboard.read()
        hand.wait(0.02)


def two_codes_run_together(hand: Hand) -> None:
    hand.keys(WECHAT[:7])
    hand.wait(0.4)  # the patient moved the phone away
    hand.keys(WECHAT + "\r")


def a_hand_on_a_keyboard(hand: Hand) -> None:
    hand.keys(WECHAT + "\r", pace_us=400_000)


def barcode_of_a_bottle(hand: Hand) -> None:
    hand.keys("6901234567892\r")


RIGHT: dict[Callable[[Hand], None], list[str]] = {
    overrun_in_the_middle: ["(overrun)", WECHAT],
    overrun_that_took_the_enter: ["(overrun)", WECHAT],
    overrun_of_a_code_that_looks_whole: ["(overrun)"],
    unplugged_in_the_middle: ["(unplugged)", WECHAT[9:], WECHAT],
    unplugged_while_a_key_was_down: ["(unplugged)", WECHAT],
    digit_stuck_before_the_scan: ["(cut)", "(stuck)", ALIPAY],
    digit_stuck_in_the_middle: ["(stuck)"],
    enter_stuck: [WECHAT, "(stuck)", OTHER],
    read_twice: [WECHAT],
    the_same_code_shown_again_later: [WECHAT, WECHAT],
    no_suffix: [WECHAT, ALIPAY],
    suffix_just_after_the_code_was_complete: [WECHAT, OTHER],
    french_layout: ["(layout)", WECHAT],
    alt_mode: [WECHAT],
    two_codes_run_together: ["(cut)", WECHAT],
    a_hand_on_a_keyboard: ["(cut)"] * 18,
    barcode_of_a_bottle: ["6901234567892"],
}
"""What happens, and what the box is told: codes, and in brackets why one was thrown away."""


@pytest.mark.parametrize("script", RIGHT, ids=lambda script: script.__name__)
def test_a_scripted_stream_gives_exactly_the_right_codes(
    script: Callable[[Hand], None], bench: "Bench"
) -> None:
    hand = Hand(bench.make)
    script(hand)
    assert hand.said == RIGHT[script]
    hand.node.close()
