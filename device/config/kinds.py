"""What a key may take: one small class a kind, which checks a value and says what is allowed.

Values of file and address kinds are never repeated in a message (`quoted`): a secret pasted into
the wrong place must not reach a log.
"""

import ipaddress
import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import ClassVar, Protocol
from urllib.parse import SplitResult, urlsplit

LONGEST_LIST = 64  # peers or pinned hosts of one desk; more is a mistake
HIGHEST_PORT = 65535

Locate = Callable[[str, bool], Path]
"""Path text and whether it may be a systemd credential -> absolute path."""


class Refused(Exception):
    """This kind does not take this value; the text says what is allowed."""


class Kind(Protocol):
    """What a key takes. `allowed` finishes the sentence "must be ..."."""

    quoted: ClassVar[bool]

    @property
    def allowed(self) -> str:
        """Return the words for messages and for the manual."""
        ...

    def read(self, value: object, locate: Locate) -> object:
        """Return the value to keep; Refused if it is not allowed."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text that matches a pattern."""

    quoted: ClassVar[bool] = True
    pattern: str
    allowed: str

    def read(self, value: object, _locate: Locate) -> str:
        """Return the text as it stands."""
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value):
            raise Refused(f"must be {self.allowed}")
        if not value.isprintable():
            raise Refused(f"must be {self.allowed}, without control characters")
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words or numbers; `later` ones are of the contract but not in this release."""

    quoted: ClassVar[bool] = True
    words: tuple[str | int, ...]
    later: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """Return the words, by commas."""
        return "one of " * (len(self.words) > 1) + ", ".join(map(str, self.words))

    def read(self, value: object, _locate: Locate) -> str | int:
        """Return the word."""
        if isinstance(value, str | int) and not isinstance(value, bool):
            if value in self.words:
                return value
            if value in self.later:
                raise Refused(f"is not built in this release; must be {self.allowed}")
        raise Refused(f"must be {self.allowed}")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a closed vocabulary of the domain."""

    quoted: ClassVar[bool] = True
    words: type[StrEnum]

    @property
    def allowed(self) -> str:
        """Return the words, by commas."""
        return "one of " + ", ".join(self.words)

    def read(self, value: object, _locate: Locate) -> StrEnum:
        """Return the member."""
        if not isinstance(value, str) or value not in list(self.words):
            raise Refused(f"must be {self.allowed}")
        return self.words(value)


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes or no."""

    quoted: ClassVar[bool] = True
    allowed: str = "true or false"

    def read(self, value: object, _locate: Locate) -> bool:
        """Return the flag."""
        if not isinstance(value, bool):
            raise Refused(f"must be {self.allowed}")
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, both ends allowed."""

    quoted: ClassVar[bool] = True
    low: int
    high: int

    @property
    def allowed(self) -> str:
        """Return the range."""
        return f"a whole number from {self.low} to {self.high}"

    def read(self, value: object, _locate: Locate) -> int:
        """Return the number."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not self.low <= value <= self.high:  # type: ignore[operator]  # whole: int
            raise Refused(f"must be {self.allowed}")
        return int(value)  # type: ignore[call-overload, no-any-return]  # as above


@dataclass(frozen=True, slots=True)
class Seconds:
    """A time in seconds, both ends allowed."""

    quoted: ClassVar[bool] = True
    low: float
    high: float

    @property
    def allowed(self) -> str:
        """Return the range."""
        return f"{self.low:g} to {self.high:g} seconds"

    def read(self, value: object, _locate: Locate) -> float:
        """Return the time; `nan` is in no range."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refused(f"must be {self.allowed}")
        if not self.low <= value <= self.high:
            raise Refused(f"must be {self.allowed}")
        return float(value)


@dataclass(frozen=True, slots=True)
class File:
    """A path, relative to the configuration file; kept absolute, `""` as None.

    `credential`: a relative path is looked up among the systemd credentials first.
    """

    quoted: ClassVar[bool] = False
    required: bool = False
    credential: bool = True

    @property
    def allowed(self) -> str:
        """Return what may stand there."""
        return "a path" if self.required else 'a path or ""'

    def read(self, value: object, locate: Locate) -> Path | None:
        """Return the absolute path."""
        if not isinstance(value, str) or not value.isprintable() or (self.required and not value):
            raise Refused(f"must be {self.allowed}")
        return locate(value, self.credential) if value else None


@dataclass(frozen=True, slots=True)
class Address:
    """`host:port` to listen on; `[::1]:7601` for IPv6; port 0 takes any free one."""

    quoted: ClassVar[bool] = True
    required: bool = True

    @property
    def allowed(self) -> str:
        """Return the form."""
        return "host:port with a port from 0 to 65535" + ("" if self.required else ' or ""')

    def read(self, value: object, _locate: Locate) -> str:
        """Return the text as it stands."""
        if value == "" and not self.required:
            return ""
        if not isinstance(value, str):
            raise Refused(f"must be {self.allowed}")
        try:
            split_address(value)
        except ValueError:
            raise Refused(f"must be {self.allowed}") from None
        return value


@dataclass(frozen=True, slots=True)
class Url:
    """An address of a peer; plain `http://` only to this machine itself. Kept without last `/`."""

    quoted: ClassVar[bool] = False
    required: bool = False
    allowed: str = "an https:// address (plain http:// only for loopback), without user or query"

    def read(self, value: object, _locate: Locate) -> str:
        """Return the address."""
        if value == "" and not self.required:
            return ""
        url = _split_url(value)
        if url is None or (url.scheme != "https" and not is_loopback(url.hostname or "")):
            raise Refused(f"must be {self.allowed}")
        return str(value).rstrip("/")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A front machine that proxies: `http://host:port` and nothing else."""

    quoted: ClassVar[bool] = False
    allowed: str = 'http://host:port or "", without user or path'

    def read(self, value: object, _locate: Locate) -> str:
        """Return the address."""
        if value == "":
            return ""
        url = _split_url(value)
        if url is None or url.scheme != "http" or url.port is None or url.path not in {"", "/"}:
            raise Refused(f"must be {self.allowed}")
        return str(value).rstrip("/")


@dataclass(frozen=True, slots=True)
class Peers:
    """A list of IP addresses."""

    quoted: ClassVar[bool] = True
    allowed: str = 'a list of IP addresses such as ["10.1.2.3"]'

    def read(self, value: object, _locate: Locate) -> tuple[str, ...]:
        """Return the addresses in their usual spelling."""
        if not isinstance(value, list) or len(value) > LONGEST_LIST:
            raise Refused(f"must be {self.allowed}")
        return tuple(_ip(item, self.allowed) for item in value)


@dataclass(frozen=True, slots=True)
class Pins:
    """A table of host names with the IP address that each is to have."""

    quoted: ClassVar[bool] = True
    allowed: str = 'host = "IP address"'

    def read(self, value: object, _locate: Locate) -> Mapping[str, str]:
        """Return the table, read-only."""
        pins = dict(islice(_hosts(value), LONGEST_LIST + 1))
        if len(pins) > LONGEST_LIST or not all(HOST_NAME.fullmatch(host) for host in pins):
            raise Refused(f"must be {self.allowed}")
        pinned = {host.lower(): _ip(address, self.allowed) for host, address in pins.items()}
        return types.MappingProxyType(pinned)


MOST_LABELS = 10  # of a host name; more is nobody's
HOST_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,9}", re.ASCII | re.IGNORECASE)


def _hosts(value: object, name: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """Yield host and address; TOML reads a name without quotes as a table in a table a dot."""
    if not isinstance(value, dict) or depth > MOST_LABELS:
        yield name, value
        return
    for label, inner in value.items():
        yield from _hosts(inner, f"{name}.{label}" if name else label, depth + 1)


def _ip(value: object, allowed: str) -> str:
    try:
        return str(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise Refused(f"must be {allowed}") from None


def _split_url(value: object) -> SplitResult | None:
    """Return the parts of an http(s) address; None if it is none, or has user, query, fragment."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        return None
    try:
        url = urlsplit(value)
        port, host = url.port, url.hostname
    except ValueError:
        return None
    if " " in value or "@" in url.netloc or "?" in value or "#" in value:
        return None
    return url if url.scheme in {"http", "https"} and host and port != 0 else None


def split_address(text: str) -> tuple[str, int]:
    """Return host and port of `127.0.0.1:7601` or `[::1]:7601`; ValueError for anything else."""
    host, colon, digits = text.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", digits) or int(digits) > HIGHEST_PORT:
        raise ValueError("not host:port")
    if host.startswith("[") and host.endswith("]"):
        return str(ipaddress.IPv6Address(host[1:-1])), int(digits)
    if not HOST_NAME.fullmatch(host):
        raise ValueError("not host:port")
    return host, int(digits)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself. Only `localhost` is trusted among the names."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
