"""What the keys of a one-way link must have in common (his-link §5)."""

import re
from typing import Any

from device.config.kinds import is_loopback, split_address
from device.config.sections import Config

FREE_TEXT = frozenset({"cd5220", "escpos", "lk822"})
LINKS = frozenset({"customer_display", "announcer"})

Finding = tuple[str, str, str]


def _free_text_needs_a_pattern(config: Config, _tables: dict[str, Any]) -> Finding | None:
    display = config.his.customer_display
    if config.his.link != "customer_display":
        return None
    if display.profile not in FREE_TEXT:
        what = "must be empty: profile led8n shows numbers only"
        return ("his.customer_display", "amount_pattern", what) if display.amount_pattern else None
    what = (
        f'with profile = "{display.profile}" it must be a regular expression with one group, '
        r"the amount in yuan, such as '应收[:：] *([0-9]+\.[0-9]{2})'"
    )
    try:
        groups = re.compile(display.amount_pattern).groups
    except (re.error, RecursionError, OverflowError):
        groups = 0
    return None if groups == 1 else ("his.customer_display", "amount_pattern", what)


def _tee_is_another_port(config: Config, _tables: dict[str, Any]) -> Finding | None:
    if config.his.link not in LINKS:
        return None
    section = getattr(config.his, config.his.link)
    listens = getattr(section, "listen", "")
    if section.tee_port and section.tee_port == section.port and not listens:
        return f"his.{config.his.link}", "tee_port", "must be another port than port"
    return None


def _announcer_has_one_way_in(config: Config, tables: dict[str, Any]) -> Finding | None:
    if config.his.link != "announcer" or not config.his.announcer.listen:
        return None
    if "port" in tables["his"]["announcer"]:
        return "his.announcer", "listen", "must be empty where port is set: it is one or the other"
    if (
        not is_loopback(split_address(config.his.announcer.listen)[0])
        and not config.his.allow_plain
    ):
        what = (
            "with [his.announcer] listen on an address other than loopback it must name the "
            'peers, such as ["10.1.2.3"]'
        )
        return "his", "allow_plain", what
    return None


def _undo_needs_a_button(config: Config, _tables: dict[str, Any]) -> Finding | None:
    if not config.his.undo_by_button:
        return None
    if config.his.link not in LINKS:
        what = 'must be false: it belongs to link = "customer_display" and "announcer"'
        return "his", "undo_by_button", what
    if not config.lamp.pins:
        what = 'must be false without a button ([lamp] driver = "gpio" or "leds")'
        return "his", "undo_by_button", what
    return None


ONE_WAY_RULES = (
    _free_text_needs_a_pattern,
    _tee_is_another_port,
    _announcer_has_one_way_in,
    _undo_needs_a_button,
)
