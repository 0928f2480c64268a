"""What office and technician do: a configuration, its sealed bundle, the card's first files."""

import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from image import layout
from simulators.demo.site import DESK
from simulators.gateway.identities import identities
from tests.image.whole.hospital import BOX, FAR, HERE, NEAR, WIREGUARD_PORT, Hospital

BAUDRATE = 115200
HIS_PORT = 7601
SIZE = 2 << 30  # the card in the machine: larger than the image, as a bought one is
PACE: Mapping[str, float] = {
    # What a configuration may ask of a provider that is not on loopback, short enough to be waited
    # for; a WeChat order cannot be reversed sooner than 15 s after it was sent.
    "poll_interval_s": 1.0,
    "wechat_wait_s": 20.0,
    "alipay_wait_s": 8.0,
    "wechat_first_query_s": 0.5,
    "wechat_doubt_query_s": 1.0,
    "alipay_first_query_s": 0.5,
    "alipay_doubt_query_s": 0.5,
    "read_timeout_pay_s": 5.0,
    "read_timeout_s": 4.0,
    "redeliver_s": 5.0,
}
MERCHANT_FILES = (
    *("wechat.key", "apiclient_cert.pem", "apiclient_key.pem", "app_private_key.pem"),
    *("alipay_public_key.pem", "ca.pem"),
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What goes to the card's boot partition, and what is scanned at the desk."""

    file: Path
    trust: Path
    passphrase: str


class Office:
    """The site's office: it has the signing key and every box's configuration."""

    def __init__(self, folder: Path, hospital: Hospital) -> None:
        self._folder, self._hospital = folder, hospital
        self._version = 0
        self._box = folder / "BOX-0001"
        self._box.mkdir(parents=True)
        identities(hospital.merchant)
        for name in MERCHANT_FILES:
            shutil.copyfile(hospital.merchant / name, self._box / name)
        (self._box / "box.key").write_text(secrets.token_hex(32))
        (self._box / "wireguard.key").write_text(hospital.box_key)
        _paybox("provision", "keygen", str(folder / "keys"))

    def bundle(self, link: str, box_key: str = "") -> Bundle:
        """Make the next bundle, for a box's own key or, without one, for a passphrase.

        `link` is "serial" or "tcp".
        """
        self._version += 1
        (self._box / "paybox.toml").write_text(self._text(link))
        out = self._folder / f"out-{self._version}"
        (self._folder / "seal.pub").write_text(box_key)
        _paybox(
            *("provision", "make", "-c", str(self._box / "paybox.toml"), "--out", str(out)),
            *("--key", str(self._folder / "keys/provision.key"), "--version", str(self._version)),
            *(("--to", str(self._folder / "seal.pub")) if box_key else ()),
        )
        passphrase = "" if box_key else (out / "passphrase.txt").read_text().strip()
        return Bundle(out / "provision.pbx", self._folder / "keys/provision.pub", passphrase)

    def _text(self, link: str) -> str:
        merchant = identities(self._hospital.merchant)
        tables: dict[str, Mapping[str, object]] = {
            "box": {
                "id": "BOX-0001",
                "desk": DESK,
                "desk_code": "MZ03",
                "hospital": "市一医院",
                "data_dir": "/var/lib/paybox",
                "key_file": "box.key",
            },
            "his": {"link": link, "progress": True, "allow_plain": [HERE]},
            "his.serial": {"port": "/dev/ttyUSB0", "baudrate": BAUDRATE},
            "his.tcp": {"listen": f"0.0.0.0:{HIS_PORT}"},
            "scanner": {"driver": "evdev", "match": "auto"},
            "display": {"driver": "none"},  # the emulated board has neither bus nor pins
            "lamp": {"driver": "none"},
            "network": {"address": f"{BOX}/24", "ntp": [HERE]},
            "network.wireguard": {
                "address": f"{NEAR}/24",
                "peer_key": self._hospital.public,
                "endpoint": f"{HERE}:{WIREGUARD_PORT}",
                "networks": ["10.99.0.0/24"],
            },
            "channels.wechat": {
                "base_url": "https://localhost",
                "appid": merchant.appid,
                "mch_id": merchant.mch_id,
                "ca_file": "ca.pem",
            },
            "channels.alipay": {
                "gateway_url": "https://localhost/gateway.do",
                "app_id": merchant.app_id,
                "ca_file": "ca.pem",
            },
            "limits": PACE,
        }
        unused = "his.tcp" if link == "serial" else "his.serial"
        del tables[unused]
        parts = [_table(name, values) for name, values in tables.items()]
        return "\n".join([*parts, "[network.dns]", f'"localhost" = "{FAR}"', ""])


class Card:
    """The technician's card: a file that was flashed with the image."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @classmethod
    def flashed(cls, image: Path, file: Path) -> "Card":
        """Write the image to a card that is larger."""
        subprocess.run(["cp", "--sparse=always", image, file], check=True)
        with file.open("r+b") as card:
            card.truncate(SIZE)
        return cls(file)

    def put(self, *files: Path) -> None:
        """Copy files to the boot partition, as on an office PC."""
        image = f"{self.file}@@{layout.start_of(layout.BOOT)}"
        subprocess.run(["mcopy", "-o", "-i", image, *files, "::"], check=True)


def _table(name: str, values: Mapping[str, object]) -> str:
    # A JSON string, number, list or boolean is a TOML one too.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines, ""])


def _paybox(*arguments: str) -> None:
    command = [sys.executable, "-m", "device", *arguments]
    subprocess.run(command, check=True, capture_output=True)
