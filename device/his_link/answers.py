"""A `Reply` to its bodies: usually one, several with `more: true` where it is too long (§1)."""

import logging
from collections.abc import Iterator
from typing import Any

from device.domain.replies import HelloOk, Reply, StatusResult, fields
from device.his_link import json_body

log = logging.getLogger(__name__)

LISTS: dict[type[Reply], tuple[str, ...]] = {
    HelloOk: ("unsettled", "undelivered"),
    StatusResult: ("parts",),
}
"""The lists that may be spread over several bodies."""
TRIMMED = ("message", "payer_mask")
"""Texts for people that are cut, in this order, when an answer alone is too long."""
MAX_TEXT_CHARS = 100  # of one part's text: two lines of any screen; it must fit a serial frame


def encode(reply: Reply, re: int | None, encoding: str, limit: int) -> list[bytes]:
    """Return the bodies, none above `limit` bytes; all carry `re` as two hex digits.

    An empty list means that it cannot be made to fit; it is logged, and no body of ours does that.
    """
    message = fields(reply)
    if re is not None:
        message = {"type": message.pop("type"), "re": f"{re:02X}", **message}
    names = LISTS.get(type(reply), ())
    pieces = _pieces(message, names, encoding, limit) if names else [message]
    bodies = [_trimmed(piece, encoding, limit) for piece in pieces]
    if all(body is not None for body in bodies):
        return [body for body in bodies if body is not None]
    log.error("a %s does not fit %d bytes", message["type"], limit)
    return []


def _pieces(
    message: dict[str, Any], names: tuple[str, ...], encoding: str, limit: int
) -> Iterator[dict[str, Any]]:
    """Yield messages that each hold as much of the lists as fits; `more` on all but the last."""
    base = message | {name: [] for name in names}
    room = limit - _size(base | {"more": True}, encoding)
    piece, left = _empty(base, names), room
    for name in names:
        for item in map(_short_item, message[name]):
            cost = _size(item, encoding) + 1  # its comma
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


def _trimmed(message: dict[str, Any], encoding: str, limit: int) -> bytes | None:
    body = json_body.encode(message, encoding)
    for name in TRIMMED:
        while len(body) > limit and message.get(name):
            excess = len(body) - limit
            message[name] = message[name][: -max(1, excess // 4)]  # no character is longer
            body = json_body.encode(message, encoding)
    return body if len(body) <= limit else None


def _size(value: Any, encoding: str) -> int:
    return len(json_body.encode(value, encoding))
