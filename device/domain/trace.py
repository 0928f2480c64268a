"""Where the time of one payment went: marks in the order they were passed, and what lies between.

A trace is for people who ask "why was it slow". It decides nothing, holds no code and no name, and
may be missing; money never depends on it.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


class Mark(StrEnum):
    """A moment of a payment; the value is what is stored and sent."""

    FIRST_KEY = "first_key"
    TAKEN = "taken"
    """The whole code is at the desk."""
    INTENT = "intent"
    """The attempt is on disk: a byte may leave."""
    SIGNED = "signed"
    SENT = "sent"
    """The last byte of the request was handed to the network."""
    ANSWERED = "answered"
    """The last byte of the answer is here."""
    VERIFIED = "verified"
    """Its signature is right and it is understood."""
    STORED = "stored"
    """What it says is on disk."""
    TOLD = "told"
    """The answer to the HIS was handed to its line."""


class Share(StrEnum):
    """Whose time a stretch is."""

    BOX = "box"
    PROVIDER = "provider"
    SCANNER = "scanner"
    PAYER = "payer"


@dataclass(frozen=True, slots=True)
class Trace:
    """The marks of one attempt; times are milliseconds since the first of them."""

    out_trade_no: str
    marks: tuple[tuple[Mark, float], ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was done between two marks."""

    zh: str
    en: str
    share: Share
    begin_ms: float
    took_ms: float


_ENDS = {
    Mark.TAKEN: ("扫码枪输入", "scanner", Share.SCANNER),
    Mark.INTENT: ("校验并写入意图", "check, commit the intent", Share.BOX),
    Mark.SIGNED: ("签名", "sign", Share.BOX),
    Mark.SENT: ("发出请求", "send", Share.BOX),
    Mark.ANSWERED: ("网络与支付平台", "network and provider", Share.PROVIDER),
    Mark.VERIFIED: ("验签解析", "verify, parse", Share.BOX),
    Mark.STORED: ("写入结果", "commit the result", Share.BOX),
    Mark.TOLD: ("答复 HIS", "answer the HIS", Share.BOX),
}
"""The stretch that a mark ends."""
_PAYER = ("顾客确认与查询", "payer confirms, box asks", Share.PAYER)
"""Between two results on disk: the first said that the payer must type a password."""


def stretches(trace: Trace) -> list[Stretch]:
    """Return what lies between the marks, in order."""
    found = []
    for (before, begin_ms), (mark, end_ms) in pairwise(trace.marks):
        typed = before is mark is Mark.STORED
        zh, en, share = _PAYER if typed else _ENDS.get(mark, (mark.value, mark.value, Share.BOX))
        found.append(Stretch(zh, en, share, begin_ms, end_ms - begin_ms))
    return found


def own_ms(trace: Trace) -> float:
    """What the box itself took."""
    return sum(s.took_ms for s in stretches(trace) if s.share is Share.BOX)
