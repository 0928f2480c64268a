"""One tree of errors, named by whose fault it was.

A declined payment is a value (`domain.outcome`), not an exception. No message here, and nothing
that is logged, may hold a payer code, a key, a patient's name or a patient's number.
"""

from device.domain.screens import Refusal


class PayboxError(Exception):
    """Root of everything this product raises on purpose."""


class ConfigError(PayboxError):
    """The technician's: a key of `paybox.toml` is missing, unknown or not allowed.

    The message is one line: the file, the key, what is wrong, what is allowed. Exit code 2.
    """


class BundleRefused(PayboxError):
    """The office's: a provisioning bundle is not taken, and nothing was changed."""

    def __init__(self, why: Refusal, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}" if detail else str(why))
        self.why = why


class UpdateRefused(PayboxError):
    """The technician's: a release is not installed or not kept; the one before it still boots."""


class ResetRefused(PayboxError):
    """The technician's: a box is not wiped, or (at a start) not wholly, and says which."""


class PeerError(PayboxError):
    """The HIS's: bytes or a message that the contract does not allow."""


class ProviderError(PayboxError):
    """The provider's, or of the way to it. Mapped at the one edge in `channels/http.py`."""


class NotSent(ProviderError):
    """Name lookup, connect or TLS handshake failed on a new connection: no request byte left."""


class MaybeSent(ProviderError):
    """Anything later: the provider may have seen the request. It is asked about, never assumed."""


class BadAnswer(ProviderError):
    """An answer came that proves nothing: unsigned, wrongly signed, not parsable, not ours."""


class SyncError(PayboxError):
    """The statistics centre's, a box's at the centre, or of the way between them.

    What came is not sealed with the shared key or not of the contract's shape, or nothing came: it
    changes nothing.
    """


class StorageError(PayboxError):
    """The disk's: a commit did not take hold, or the journal cannot be read."""


class CommitRefused(StorageError):
    """The schema does not allow the change (an over-refund, a number used twice); never retried."""


class JournalDamaged(StorageError):
    """The hash chain or a sum does not fit: a row was changed or is missing."""


class HardwareError(PayboxError):
    """A part of the box (scanner, panel, lamp, cable) is missing or failed; the rest goes on."""


class NotPluggedIn(HardwareError):
    """Nothing that fits is there: it waits for somebody's hand."""
