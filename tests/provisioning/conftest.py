from dataclasses import dataclass
from pathlib import Path

import pytest

from device.provisioning.bundle import Bundle, Title
from device.provisioning.envelope import public_of_signer

SIGNING_KEY = bytes(range(32))
CONFIG = """\
[box]
id = "{box}"
desk = "MZ-03"
desk_code = "MZ03"
hospital = "市一医院"
data_dir = "{data_dir}"
key_file = "box.key"
[his]
link = "tcp"
[his.tcp]
listen = "127.0.0.1:7601"
[channels.wechat]
appid = "wx0123456789abcdef"
mch_id = "1900000109"
[display]
driver = "none"
"""


@dataclass
class Office:
    """A site's office with one box's files in a folder."""

    folder: Path
    signing_key: bytes = SIGNING_KEY

    @property
    def public(self) -> bytes:
        return public_of_signer(self.signing_key)

    def files(self, box: str = "BOX-0001", secret: bytes = b"first") -> dict[str, bytes]:
        return {
            "paybox.toml": CONFIG.format(box=box, data_dir="/var/lib/paybox").encode(),
            "provision.pub": self.public.hex().encode(),
            "box.key": b"k" * 32,
            "wechat.key": secret,
        }

    def bundle(self, version: int = 7, box: str = "BOX-0001", secret: bytes = b"first") -> Bundle:
        return Bundle(Title(box, version), self.files(box, secret))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)
