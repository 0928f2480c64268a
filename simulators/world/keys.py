"""Keys of the merchant and both providers: made once a process, the same for every history.

Nothing of a history depends on their value but bytes on a wire that nobody compares.
"""

import functools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from simulators.gateway.merchant import Merchant

KEY_BITS = 1024  # signing costs a sixth of 2048 bits, and nobody attacks a simulation
WECHAT_KEY = "0123456789abcdef0123456789abcdef"
BOX_KEY = bytes(range(32))
CENTER_KEY = bytes(range(64, 96))


@dataclass(frozen=True, slots=True)
class Keys:
    """What both sides hold."""

    merchant: Merchant
    app_key: rsa.RSAPrivateKey = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that may stand in no file and no log (M19)."""
        return (WECHAT_KEY, BOX_KEY.hex(), CENTER_KEY.hex())


@functools.cache
def keys() -> Keys:
    """Make them, or give those made before."""
    app, platform = _key(), _key()
    merchant = Merchant(
        appid="wx2421b1c4370ec43b",
        mch_id="1900000109",
        wechat_key=WECHAT_KEY,
        app_id="2021000000000001",
        app_public_key=app.public_key(),
        platform_key=platform,
    )
    return Keys(merchant, app)


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, KEY_BITS)


def folder() -> Path:
    """A new folder in memory, where there is one: a disk would only make it slow."""
    shared = Path("/dev/shm")  # noqa: S108  memory, and the folder's name is random
    return Path(tempfile.mkdtemp(prefix="paybox-world-", dir=shared if shared.is_dir() else None))
