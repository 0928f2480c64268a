"""A `Reply` to its bodies: usually one, several with `more: true` where it is too long (§1)."""

import logging
from collections.abc import Iterator
from typing import Any

from device.domain.replies import HelloOk, Reply, StatusResult, SummaryResult, fields
from device.his_link.body import Writing

log = logging.getLogger(__name__)

LISTS: dict[type[Reply], tuple[str, ...]] = {
    HelloOk: ("unsettled", "undelivered"),
    StatusResult: ("parts",),
    SummaryResult: ("rows",),
}
"""The lists that may be spread over several bodies."""
TRIMMED = ("message", "payer_mask")
"""Texts for people that are cut, in this order, when an answer alone is too long."""
MAX_TEXT_CHARS = 100  # of one part's text: two lines of any screen; it must fit a serial frame


def encode(reply: Reply, re: int | None, writing: Writing, limit: int) -> list[bytes]:
    """Return the bodies, none above `limit` bytes; all carry `re` as two hex digits.

    An empty list means that it cannot be made to fit; it is logged, and no body of ours does that.
    """
    message = fields(reply)
    message.pop("form", None)
    if re is not None:
        message = {"type": message.pop("type"), "re": f"{re:02X}", **message}
    names = LISTS.get(type(reply), ())
    pieces = _pieces(message, names, writing, limit) if names else [message]
    written = [_trimmed(piece, writing, limit) for piece in pieces]
    if all(body is not None for body in written):
        return [body for body in written if body is not None]
    log.error("a %s does not fit %d bytes", message["type"], limit)
    return []


def _pieces(
    message: dict[str, Any], names: tuple[str, ...], writing: Writing, limit: int
) -> Iterator[dict[str, Any]]:
    """Yield messages that each hold as much of the lists as fits; `more` on all but the last."""
    base = message | {name: [] for name in names}
    room = limit - len(writing.encode(base | {"more": True}))
    piece, left = _empty(base, names), room
    for name in names:
        for item in map(_short_item, message[name]):
            cost = _cost(item, writing)
            if cost > left and left < room:
                yield piece | {"more": True}
                piece, left = _empty(base, names), room
            piece[name].append(item)
            left -= cost
    yield piece


def _empty(base: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return base | {name: [] for name in names}


def _short_item(item: Any) -> Any:
    if isinstance(item, dict) and "text" in item:
        return item | {"text": item["text"][:MAX_TEXT_CHARS]}
    return item


def _cost(item: Any, writing: Writing) -> int:
    """Return how many bytes an item adds to a list, its tags or comma included."""
    with_it, without = ({"type": "", "list": items} for items in ([item], []))
    return len(writing.encode(with_it)) - len(writing.encode(without)) + 1


def _trimmed(message: dict[str, Any], writing: Writing, limit: int) -> bytes | None:
    body = writing.encode(message)
    for name in TRIMMED:
        while len(body) > limit and message.get(name):
            excess = len(body) - limit
            message[name] = message[name][: -max(1, excess // 4)]  # no plain character is longer
            body = writing.encode(message)
    return body if len(body) <= limit else None
