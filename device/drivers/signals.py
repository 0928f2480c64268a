"""What each signal looks and sounds like: a table of rhythms, told apart without reading.

Green is good, red is not; sound asks for somebody's eyes. Steady light costs no wakeups, so a box
at rest is silent and still.
"""

from dataclasses import dataclass

from device.domain.screens import Signal


@dataclass(frozen=True, slots=True)
class Step:
    """One moment: what is on, and for how long (seconds)."""

    on: str
    """Any of `g` green, `r` red, `b` buzzer; empty = dark and silent."""
    lasts_s: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """First `once`, then `again` for ever; a single step in `again` is simply held."""

    once: tuple[Step, ...]
    again: tuple[Step, ...]


def _beeps(light: str, count: int, on_s: float, off_s: float) -> tuple[Step, ...]:
    return (Step(f"{light}b", on_s), Step(light, off_s)) * count


def _blink(light: str, on_s: float, off_s: float) -> tuple[Step, ...]:
    return (Step(light, on_s), Step("", off_s))


def _held(light: str) -> tuple[Step, ...]:
    return (Step(light, 0.0),)


SAYINGS: dict[Signal, str] = {
    Signal.IDLE: "空闲",
    Signal.WAITING: "等待付款码",
    Signal.RESCAN: "请换码重扫",
    Signal.WORKING: "处理中",
    Signal.PASSWORD: "请在手机上输入密码",
    Signal.PAID: "支付成功",
    Signal.DECLINED: "未成功",
    Signal.DOUBT: "结果确认中",
    Signal.OFFLINE: "网络不通",
    Signal.FAULT: "故障",
}
"""What each means, in the words of the cashier's manual."""

PATTERNS: dict[Signal, Pattern] = {
    Signal.IDLE: Pattern((), _held("")),
    # an amount is on the glass: one short beep asks the patient to look
    Signal.WAITING: Pattern(_beeps("g", 1, 0.06, 0.44), _blink("g", 1.0, 1.0)),
    # short, long, like a question: that code was not taken, show another
    Signal.RESCAN: Pattern(
        (Step("rb", 0.06), Step("r", 0.06), Step("rb", 0.3), Step("r", 0.3)), _blink("g", 1.0, 1.0)
    ),
    # the code is taken: the beep every scanner makes
    Signal.WORKING: Pattern(_beeps("g", 1, 0.12, 0.1), _blink("g", 0.3, 0.3)),
    # look at your phone
    Signal.PASSWORD: Pattern(
        _beeps("g", 2, 0.12, 0.12), (*_blink("g", 0.15, 0.15), *_blink("g", 0.15, 1.0))
    ),
    # the one long tone: nothing else may sound like success
    Signal.PAID: Pattern(_beeps("g", 1, 0.8, 0.1), _held("g")),
    Signal.DECLINED: Pattern(_beeps("r", 3, 0.12, 0.12), _held("r")),
    # red and green in turn: not known yet
    Signal.DOUBT: Pattern(_beeps("r", 2, 0.35, 0.25), (Step("r", 0.5), Step("g", 0.5))),
    # may last a night: seldom, so that a box on plain pins wakes less than once a second
    Signal.OFFLINE: Pattern((), _blink("r", 0.2, 4.8)),
    Signal.FAULT: Pattern(_beeps("r", 5, 0.08, 0.08), _blink("r", 0.25, 0.25)),
}
