"""The box's end of a sealed link on a rehearsal (his-link §4), and the ways it can go wrong."""

import secrets

from device.his_link.handshake import HELLO_REQUIRED, BoxEnd, Opened, Say
from device.his_link.seal import MARK, NONCE_BYTES, DeskKey, Seal

SEALED_AT = slice(2, 2 + len(MARK))
"""Where a sealed body says so: behind the SEQ, with which `frames.Frame.raw` begins."""


class SealedEnd:
    """One HIS's session at a time; `take` and `seal` are called with what stands in frames."""

    def __init__(self, key: bytes) -> None:
        self._new = BoxEnd(DeskKey.of(key))
        self._end = self._new
        self._seal: Seal | None = None
        self._nonces: set[str] = set()
        self.known = False
        """The HIS holds the key: a body of its own has opened once."""
        self.lies = 0
        """So many proofs are wrong."""
        self.nonce_again = False
        """The HIS has said hello with a nonce that it had used before."""

    @property
    def ready(self) -> bool:
        """Whether there is a session: only then anything can be said."""
        return self._seal is not None

    def forget(self) -> None:
        """The box was restarted, or this is another connection."""
        self._end, self._seal = self._new, None

    def take(self, seq: int, body: bytes) -> Opened | Say:
        """Take a frame's body: what stands in it, or what to say unsealed."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        self._end, taken = self._end.take(seq, body, nonce)
        if isinstance(taken, Opened):
            self._seal, self.known = taken.seal or self._seal, True
            return taken
        if taken.message == HELLO_REQUIRED:
            return taken
        return Say(self._proved(body, taken))

    def _proved(self, hello: bytes, answer: Say) -> dict[str, object]:
        said = hello.decode("ascii")
        self.nonce_again = self.nonce_again or said in self._nonces
        self._nonces.add(said)  # nonce and proof; the rest of a hello is always the same
        if not self.lies:
            return answer.message
        self.lies -= 1
        return {**answer.message, "proof": secrets.token_hex(32)}

    def seal(self, seq: int, body: bytes) -> bytes:
        """Seal a body for the HIS."""
        assert self._seal
        self._seal, sealed = self._seal.seal(seq, body)
        return sealed


def is_sealed(raw: bytes) -> bool:
    """Whether a frame's body is sealed."""
    return raw[SEALED_AT] == MARK
