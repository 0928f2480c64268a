"""How a box is, in words: the parts that it reports with each batch, and when it was last heard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

SILENT = timedelta(minutes=5)  # a box sends every 60 s

PARTS: Mapping[str, Any] = {
    "scanner": _("扫码枪"),
    "display": _("屏幕"),
    "his_link": _("HIS 线路"),
    "vpn": _("VPN"),
    "wechat": _("微信支付"),
    "alipay": _("支付宝"),
    "clock": _("时钟"),
    "disk": _("磁盘"),
    "journal": _("流水"),
    "sync": _("上传"),
}
STATES: Mapping[str, Any] = {"ok": _("正常"), "warn": _("注意"), "fail": _("故障")}
COLOURS = {"ok": "good", "warn": "wait", "fail": "bad"}

CONDITIONS: Mapping[str, Any] = {
    "ok": _("正常"),
    "warn": _("注意"),
    "fail": _("故障"),
    "silent": _("未上报"),
    "unknown": _("未知"),
}
CONDITION_COLOURS = {**COLOURS, "silent": "bad", "unknown": "none"}


@dataclass(frozen=True, slots=True)
class PartSeen:
    """One part of a box as it reported it."""

    name: str
    state: str
    text: str
    """The box's own sentence, in the language that it speaks."""

    @property
    def title(self) -> Any:
        """What the part is called."""
        return PARTS.get(self.name, self.name)

    @property
    def word(self) -> Any:
        """How it is."""
        return STATES.get(self.state, self.state)

    @property
    def colour(self) -> str:
        """The badge."""
        return COLOURS.get(self.state, "none")


def parts_of(health: Mapping[str, Any]) -> Sequence[PartSeen]:
    """Read what a box said of its parts; what is not understood is left out."""
    told = health.get("parts")
    return [
        PartSeen(*(str(part.get(key, ""))[:200] for key in ("part", "state", "text")))
        for part in (told if isinstance(told, list) else [])
        if isinstance(part, dict)
    ]


def condition(health: Mapping[str, Any], last_seen: datetime, now: datetime) -> str:
    """One word for the whole box: silent before anything, else its worst part."""
    if now - last_seen > SILENT:
        return "silent"
    states = {part.state for part in parts_of(health)}
    return next((state for state in ("fail", "warn", "ok") if state in states), "unknown")


def faults(health: Mapping[str, Any]) -> list[PartSeen]:
    """The parts that are not as they should be."""
    return [part for part in parts_of(health) if part.state in {"warn", "fail"}]
