"""JSON that somebody else wrote, in a form that every database holds."""

import json
import re
from collections.abc import Mapping
from typing import Any

REFUSED = re.compile(r"\\u0000|\\ud[89a-f]|NaN|Infinity")
"""As json.dumps writes them: zero, half a character, no number. PostgreSQL refuses all three."""


def storable(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return it as it is or, with something in it that may be refused, as `{"json": its text}`."""
    text = json.dumps(dict(told))
    return {"json": text} if REFUSED.search(text) else dict(told)
