"""The two ends of a sealed link: who the peer is, which bodies are its own (his-link §4). No I/O.

Read the rules as prose. The HIS says hello with a fresh nonce and a proof that it holds the key;
the box answers with a nonce and a proof of its own. Both derive a key for each direction from the
two nonces. A hello changes nothing by itself: the session that is there stays until the first body
opens under the new keys. Whatever does not open, and whatever is not sealed, is answered
`hello_required` and has no other effect; at the HIS it only leads to a new hello.

Each end is a value; `take` returns the next value and what to do. Nonces come from the caller.
"""

import hmac
import re
from dataclasses import dataclass, field, replace
from typing import Any

from device.his_link.body import parse
from device.his_link.messages import PROTOCOL_VERSION
from device.his_link.seal import BOX_TO_HIS, HIS_TO_BOX, MARK, DeskKey, Opener, Seal
from device.his_link.text import BadBody

HELLO_REQUIRED = {"type": "error", "code": "hello_required"}
"""Says nothing else: whoever hears it may be anybody."""

_NONCE = re.compile(r"[0-9a-f]{32}", re.ASCII)
_PROOF = re.compile(r"[0-9a-f]{64}", re.ASCII)


# ------------------------------------------------------------------ what an end is to do


@dataclass(frozen=True, slots=True)
class Opened:
    """The peer's message; at the box `seal` comes with the first body of a new session."""

    body: bytes = field(repr=False)
    seal: Seal | None = None


@dataclass(frozen=True, slots=True)
class Say:
    """Box: send this unsealed."""

    message: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """HIS: the box has proved itself; what is sent from here on is sealed with this."""

    seal: Seal


@dataclass(frozen=True, slots=True)
class Required:
    """HIS: the box wants a hello, and then the request again."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """HIS: not the box's, or not for here and now. `unproved`: it was to answer our hello."""

    unproved: bool = False


# ------------------------------------------------------------------ the two ends


@dataclass(frozen=True, slots=True)
class BoxEnd:
    """The box's side of one connection."""

    key: DeskKey
    opener: Opener | None = None
    """Of the session that is there."""
    pending: tuple[Opener, Seal] | None = None
    """Of the last good hello, until its first body opens."""

    def take(self, seq: int, body: bytes, nonce: bytes) -> tuple["BoxEnd", Opened | Say]:
        """Take a frame's body; `nonce` is 16 fresh random bytes, used if it is a hello."""
        if not body.startswith(MARK):
            return self._hello(_read(body), nonce)
        if self.pending and (fresh := self.pending[0].open(seq, body)):
            return BoxEnd(self.key, fresh[0]), Opened(fresh[1], self.pending[1])
        if self.opener and (known := self.opener.open(seq, body)):
            return replace(self, opener=known[0]), Opened(known[1])
        return self, Say(HELLO_REQUIRED)

    def _hello(self, message: dict[str, Any], nonce: bytes) -> tuple["BoxEnd", Say]:
        his_nonce = _nonce(message)
        said = (message.get("type"), message.get("v")) == ("hello", PROTOCOL_VERSION) and his_nonce
        if not said or not _proves(message, self.key.his_proof(his_nonce)):
            return self, Say(HELLO_REQUIRED)
        to_box, to_his = self.key.directions(his_nonce, nonce)
        pending = Opener(to_box, HIS_TO_BOX), Seal(to_his, BOX_TO_HIS)
        proof = self.key.box_proof(his_nonce, nonce)
        answer = {"type": "hello_ok", "v": PROTOCOL_VERSION, "nonce": nonce.hex(), "proof": proof}
        return replace(self, pending=pending), Say(answer)


@dataclass(frozen=True, slots=True)
class HisEnd:
    """The HIS's side of one connection."""

    key: DeskKey
    nonce: bytes = field(default=b"", repr=False)
    """Of the hello that is not answered yet."""
    opener: Opener | None = None
    """Of the session that is there."""
    pending: Opener | None = None
    """Of the newest session, until its first body opens."""

    def hello(self, nonce: bytes) -> tuple["HisEnd", dict[str, Any]]:
        """Return the end and the hello to send unsealed; `nonce` is 16 fresh random bytes."""
        proof = self.key.his_proof(nonce)
        message = {"type": "hello", "v": PROTOCOL_VERSION, "nonce": nonce.hex(), "proof": proof}
        return replace(self, nonce=nonce), message

    def take(
        self, seq: int, body: bytes
    ) -> tuple["HisEnd", Opened | Accepted | Required | Ignored]:
        """Take a frame's body."""
        if not body.startswith(MARK):
            return self._unsealed(_read(body))
        if self.pending and (fresh := self.pending.open(seq, body)):
            return replace(self, opener=fresh[0], pending=None), Opened(fresh[1])
        if self.opener and (known := self.opener.open(seq, body)):
            return replace(self, opener=known[0]), Opened(known[1])
        return self, Ignored()

    def _unsealed(self, message: dict[str, Any]) -> tuple["HisEnd", Accepted | Required | Ignored]:
        if (message.get("type"), message.get("code")) == ("error", HELLO_REQUIRED["code"]):
            return self, Required()
        if message.get("type") not in {"hello_ok", "error"} or not self.nonce:
            return self, Ignored()
        box_nonce = _nonce(message)
        if not box_nonce or not _proves(message, self.key.box_proof(self.nonce, box_nonce)):
            return self, Ignored(unproved=True)
        to_box, to_his = self.key.directions(self.nonce, box_nonce)
        end = replace(self, nonce=b"", pending=Opener(to_his, BOX_TO_HIS))
        return end, Accepted(Seal(to_box, HIS_TO_BOX))


def _read(body: bytes) -> dict[str, Any]:
    """Return an unsealed message, ASCII in every encoding; no fields if it is none."""
    try:
        return parse(body, "utf-8")
    except BadBody:
        return {}


def _nonce(message: dict[str, Any]) -> bytes:
    value = message.get("nonce")
    return bytes.fromhex(value) if isinstance(value, str) and _NONCE.fullmatch(value) else b""


def _proves(message: dict[str, Any], proof: str) -> bool:
    value = message.get("proof")
    fits = isinstance(value, str) and _PROOF.fullmatch(value)
    return bool(fits) and hmac.compare_digest(message["proof"], proof)
