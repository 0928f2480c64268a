"""What goes in and out of a provider: HTTP requests, answers, and how an answer is delivered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from simulators.gateway.scripts import Asked


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. Header names are lower case. ``tls`` None = plain HTTP."""

    method: str
    target: str  # origin form or absolute form
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    tls: bool = False
    client_certificate: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer."""

    body: bytes = field(repr=False)
    content_type: str = "text/plain"
    status: int = 200
    location: str = ""


class Ending(StrEnum):
    """What becomes of the connection after the bytes, if any, are sent."""

    KEEP = "keep"
    CLOSE = "close"  # FIN
    RESET = "reset"  # RST
    SILENCE = "silence"  # held open, nothing more is said


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer and how it reaches the client.

    ``answer`` None: no byte is sent. ``cut`` counts bytes of head and body, ``cut_body`` bytes of
    the body (the Content-Length still promises all of it). ``drip_s``: a pause after each byte.
    """

    answer: Answer | None
    ending: Ending = Ending.KEEP
    delay_s: float = 0.0
    cut: int | None = None
    cut_body: int | None = None
    drip_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """A request a wallet has read, checked and verified."""

    asked: Asked
    fields: Mapping[str, Any] = field(repr=False)
    sign_type: str
    charset: str = "utf-8"
    certificates: bool = False


HTML_502 = Answer(
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n"
    b"</body>\r\n</html>\r\n",
    "text/html",
    502,
)
HTML_200 = Answer(
    "<html><body>系统维护中 <br>Service is being upgraded</body></html>".encode(),
    "text/html; charset=utf-8",
)
HTML_NO_CERTIFICATE = Answer(
    b"<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n<body>\r\n"
    b"<center><h1>400 Bad Request</h1></center>\r\n"
    b"<center>No required SSL certificate was sent</center>\r\n<hr><center>nginx</center>\r\n"
    b"</body>\r\n</html>\r\n",
    "text/html",
    400,
)
GARBAGE = Answer(bytes(range(128, 256)) + b"\x00\xff<xml", "application/octet-stream")
EMPTY = Answer(b"", "text/plain")
REDIRECT = Answer(b"", "text/html", 302, location="/elsewhere")
NOT_FOUND = Answer(b"not found", "text/plain", 404)
