"""The demo's hospital: a directory with keys, certificates and a real paybox.toml."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from simulators.gateway.identities import Identities, identities

DESK = "MZ-03"
BOX_ID = "BOX-DEMO"
HOSPITAL = "市一医院"
OPERATOR = "收费员007"

PERSON_PACE: Mapping[str, float] = {
    # Somebody watches: the real times, only the read timeout is nearer than 15 s so that "no
    # answer" is a story and not a wait.
    "read_timeout_pay_s": 6.0,
    "read_timeout_s": 4.0,
    "poll_interval_s": 2.0,
    "redeliver_s": 10.0,
}
MACHINE_PACE: Mapping[str, float] = {
    # Nobody watches: every story in a second or three. All of it is allowed for loopback gateways.
    "poll_interval_s": 0.3,
    "wechat_wait_s": 3.0,
    "alipay_wait_s": 3.0,
    "wechat_reverse_not_before_s": 0.5,
    "wechat_first_query_s": 0.3,
    "wechat_doubt_query_s": 0.5,
    "alipay_first_query_s": 0.3,
    "alipay_doubt_query_s": 0.2,
    "connect_timeout_s": 1.0,
    "read_timeout_pay_s": 1.5,
    "read_timeout_s": 1.5,
    "redeliver_s": 3.0,
}
OWNER_ONLY = 0o600
SERIAL_BAUD = 115_200  # of a line that has no speed; a HIS says the same


@dataclass(frozen=True, slots=True)
class Site:
    """Where everything of this demo lies."""

    directory: Path
    merchant: Identities
    wide: bool = False
    """The panel has 256 by 64 pixels instead of 128 by 64."""
    seen: Path | None = None
    """Where picture and lamp are written, if not beside the rest: a bus and pins touch no disk."""

    @property
    def config(self) -> Path:
        """What `paybox run -c` reads."""
        return self.directory / "paybox.toml"

    @property
    def journal(self) -> Path:
        """The box's journal."""
        return self.directory / "data" / "journal.sqlite3"

    @property
    def screen(self) -> Path:
        """The picture the `png` display driver writes."""
        return (self.seen or self.directory) / "screen.png"

    @property
    def lamp(self) -> Path:
        """The signal the `file` lamp driver writes."""
        return (self.seen or self.directory) / "lamp.txt"

    @property
    def book(self) -> Path:
        """Where the gateways append what happens."""
        return self.directory / "gateway-book.jsonl"


def make_site(directory: Path, *, wide: bool = False, seen: Path | None = None) -> Site:
    """Make keys and directories; what is there already stays."""
    site = Site(directory.absolute(), identities(directory / "keys"), wide, seen)
    (site.directory / "data").mkdir(exist_ok=True)
    key = site.directory / "box.key"
    if not key.exists():
        key.touch(OWNER_ONLY)
        key.write_text(secrets.token_hex(32) + os.linesep)
    return site


def write_config(  # noqa: PLR0913  what the demo, the figures and the tests have different
    site: Site,
    *,
    scanner_port: str,
    network_port: int,
    limits: Mapping[str, float],
    his_port: str = "",
    more: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
) -> None:
    """Write the box's paybox.toml; `his_port`: a serial line to the HIS in place of TCP.

    `more`: keys that are other than the demo's, by their tables.
    """
    merchant = site.merchant
    tables: dict[str, Mapping[str, object]] = {
        "box": {
            "id": BOX_ID,
            "desk": DESK,
            "desk_code": "DEMO",
            "hospital": HOSPITAL,
            "data_dir": str(site.directory / "data"),
            "key_file": "box.key",
            "board_serial_file": "",
        },
        "his": {
            "link": "serial" if his_port else "tcp",
            "security": "none",
            "progress": True,
        },
        "his.tcp": {"listen": "127.0.0.1:0"},
        "his.serial": {"port": his_port, "baudrate": SERIAL_BAUD} if his_port else {},
        "scanner": {"driver": "serial", "port": scanner_port},
        "display": {
            "driver": "png",
            "path": str(site.screen),
            "width": 256 if site.wide else 128,
        },
        "lamp": {"driver": "file", "path": str(site.lamp)},
        "network": {"vpn_interface": ""},
        "clock": {"source": "none"},
        **channel_tables(merchant, network_port),
        "limits": dict(limits),
    }
    for name, values in more.items():
        tables[name] = {**tables.get(name, {}), **values}
    site.config.write_text(toml(tables), encoding="utf-8")


def channel_tables(merchant: Identities, port: int) -> dict[str, Mapping[str, object]]:
    """The wallets' tables, for gateways at a port of this machine: of a box, and of a centre."""
    return {
        "channels.wechat": {
            "base_url": f"http://127.0.0.1:{port}",
            "appid": merchant.appid,
            "mch_id": merchant.mch_id,
            "api_key_file": str(merchant.path("wechat.key")),
            "cert_file": str(merchant.path("apiclient_cert.pem")),
            "key_file": str(merchant.path("apiclient_key.pem")),
        },
        "channels.alipay": {
            "gateway_url": f"http://127.0.0.1:{port}/gateway.do",
            "app_id": merchant.app_id,
            "private_key_file": str(merchant.path("app_private_key.pem")),
            "alipay_public_key_file": str(merchant.path("alipay_public_key.pem")),
        },
    }


def toml(tables: Mapping[str, Mapping[str, object]]) -> str:
    """Return tables as the text of a file."""
    return "\n".join(_table(*item) for item in tables.items())


def _table(name: str, values: Mapping[str, object]) -> str:
    # A JSON string, number or boolean is a TOML one too.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines, ""])
