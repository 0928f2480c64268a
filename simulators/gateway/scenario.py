"""Scenario files: bindings to load at start, JSON or TOML.

::

    [[bind]]
    match = { digits = "7777" }              # payer codes that end so
    do = ["password_never"]

    [[bind]]
    match = { amount_fen = 1313 }
    do = [{ name = "system_error" }, { name = "recall", times = 2 }]

The same as JSON: ``{"bind": [{"match": {...}, "do": [...]}]}``. ``do`` takes names, or tables with
``name``, ``on`` (pay, query, reverse, refund, refund_query, a list of them, or any), ``times``
(1, 2, ... or "always") and the behaviour's own parameters. Without ``on`` it is the first call the
behaviour knows, pay for most; without ``times`` it is once a payment (``gateway --list``).

``match`` takes ``wallet``, ``code`` (whole), ``digits`` (how the code ends), ``amount_fen``,
``next`` (the next payment), which are decided at the pay and stay with its number; and
``out_trade_no``, or nothing at all, which are looked at for every call. The whole gateway down::

    [[bind]]
    do = [{ name = "http_502", on = "any", times = "always", processed = false }]
"""

import json
import tomllib
from pathlib import Path

from simulators.gateway.behaviours import BadScript
from simulators.gateway.scripts import Binding, read_binding


def load(path: Path) -> list[Binding]:
    """Read a scenario; raises BadScript with the file's name and what is allowed."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise BadScript(f"{path}: {error}") from None
    bindings = content.get("bind") if isinstance(content, dict) else None
    if not isinstance(bindings, list) or set(content) != {"bind"}:
        raise BadScript(f"{path}: a scenario holds one list, bind")
    try:
        return [read_binding(one) for one in bindings]
    except BadScript as error:
        raise BadScript(f"{path}: {error}") from None
