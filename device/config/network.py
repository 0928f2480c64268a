"""`[network]`: the way to the providers, and on the card the machine's own network.

The firmware itself reads `vpn_interface`, `proxy` and `dns`; the rest is for `paybox network`,
which writes it down for networkd and the packet filter at boot.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, ClassVar

from device.config.kinds import LONGEST_LIST, File, Locate, Peers, Pins, Proxy, Refused, Text

HOST = r"[A-Za-z0-9_.:\[\]-]{1,253}"
KEY = r"[A-Za-z0-9+/]{43}="


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """An address with the length of its network."""

    quoted: ClassVar[bool] = True
    required: bool = False

    @property
    def allowed(self) -> str:
        """Return the form."""
        form = "an address with its network such as 10.1.2.3/24"
        return form if self.required else f'{form}, or ""'

    def read(self, value: object, _locate: Locate) -> str:
        """Return the text in its usual spelling."""
        if value == "" and not self.required:
            return ""
        if not isinstance(value, str) or "/" not in value:
            raise Refused(f"must be {self.allowed}")
        try:
            return str(ipaddress.ip_interface(value))
        except ValueError:
            raise Refused(f"must be {self.allowed}") from None


@dataclass(frozen=True, slots=True)
class Networks:
    """A list of networks."""

    quoted: ClassVar[bool] = True
    allowed: str = 'a list of networks such as ["10.20.0.0/16"], one at least'

    def read(self, value: object, _locate: Locate) -> tuple[str, ...]:
        """Return them in their usual spelling."""
        if not isinstance(value, list) or not 0 < len(value) <= LONGEST_LIST:
            raise Refused(f"must be {self.allowed}")
        try:
            return tuple(str(ipaddress.ip_network(_text(item))) for item in value)
        except ValueError:
            raise Refused(f"must be {self.allowed}") from None


@dataclass(frozen=True, slots=True)
class Hosts:
    """A list of host names or addresses."""

    quoted: ClassVar[bool] = True
    allowed: str = 'a list of hosts such as ["ntp.hospital.example"]'

    def read(self, value: object, _locate: Locate) -> tuple[str, ...]:
        """Return them as they stand."""
        if not isinstance(value, list) or len(value) > LONGEST_LIST:
            raise Refused(f"must be {self.allowed}")
        if not all(isinstance(item, str) and re.fullmatch(HOST, item) for item in value):
            raise Refused(f"must be {self.allowed}")
        return tuple(value)


def _text(item: object) -> str:
    if not isinstance(item, str):
        raise ValueError("not text")  # noqa: TRY004  told as any other wrong network
    return item


WIREGUARD_KEY = Text(KEY, "a WireGuard key: 44 characters of base64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wireguard:
    """The tunnel to the hospital's front machine."""

    address: Annotated[str, InterfaceAddress(required=True)]
    private_key_file: Annotated[Path, File(required=True)] = Path("wireguard.key")
    peer_key: Annotated[str, WIREGUARD_KEY]
    preshared_key_file: Annotated[Path | None, File()] = None
    endpoint: Annotated[str, Text(HOST + r":[0-9]{1,5}", "host:port of the front machine")]
    networks: Annotated[tuple[str, ...], Networks()] = ("0.0.0.0/0",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The way to the providers."""

    vpn_interface: Annotated[
        str, Text(r"[A-Za-z0-9_.@-]{0,15}", 'an interface name of at most 15 characters, or ""')
    ] = "wg0"
    proxy: Annotated[str, Proxy()] = ""
    dns: Annotated[Mapping[str, str], Pins()] = field(default_factory=lambda: MappingProxyType({}))
    address: Annotated[str, InterfaceAddress()] = ""
    gateway: Annotated[str, Text(r"[0-9A-Fa-f.:]{0,45}", 'an address, or ""')] = ""
    resolvers: Annotated[tuple[str, ...], Peers()] = ()
    ntp: Annotated[tuple[str, ...], Hosts()] = ()
    ssh_keys_file: Annotated[Path | None, File()] = None
    wireguard: Wireguard | None = None
