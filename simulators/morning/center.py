"""The real `paybox-center` as a process, and who speaks to it: finance, programs, the morning."""

import asyncio
import os
import re
import secrets
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx

from simulators.demo.children import Child, ChildError, Program
from simulators.demo.site import HOSPITAL, toml
from simulators.demo.statistics import PATIENCE_S, READY
from simulators.differences import PAYMENT, REFUND, Difference, Entry

SHOWN: Mapping[str, dict[str, str]] = {
    "breaks": {},
    "refund-anomalies": {"pair": "refund", "kind": REFUND},
    "bank-breaks": {"pair": "bank", "kind": PAYMENT},
}
"""The lists of what a day's checks named, and what goes without saying in each."""
ASKED_S = 120.0  # a list of a whole hospital's day is stored and compared before it is answered
MANY = 10
"""Refunds of one cashier on one day, from which on they are shown."""
USERS = ("caiwu1", "caiwu2")
MAKE_USERS = """
import os
from center.accounts.models import User
from center.accounts.roles import Permission
from center.accounts.tokens import make
for name in os.environ['NAMES'].split():
    user = User.objects.create_user(name, password=os.environ['PASSWORD'], role='finance',
        must_change_password=False)
print(make(user, Permission, 'trial', 'trial').bearer)
"""
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(slots=True)
class Center:
    """One centre's folder; its process may be stopped and started again."""

    folder: Path
    boxes: Mapping[str, str]
    """Name of each box -> its key, hex."""
    channels: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    listen: str = "127.0.0.1:0"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(9), repr=False)
    bearer: str = field(default="", repr=False)
    _child: Child | None = None

    @property
    def config(self) -> Path:
        """What `paybox-center -c` reads."""
        return self.folder / "paybox-center.toml"

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://{self.listen}"

    async def start(self) -> None:
        """Run it, at the same port as before; ChildError if it does not get ready."""
        (self.folder / "boxes").mkdir(parents=True, exist_ok=True)
        for box, key in self.boxes.items():
            (self.folder / "boxes" / f"{box}.key").write_text(key)
        self._write()
        command = (sys.executable, "-m", "center", "run", "-c", str(self.config))
        self._child = Child(Program("center", command, READY))
        ready = await self._child.start(PATIENCE_S)
        self.listen = f"127.0.0.1:{ready[1]}"
        self._write()

    async def stop(self) -> None:
        """SIGTERM, as at an update of the machine."""
        if self._child:
            await self._child.stop()
            self._child = None

    def _write(self) -> None:
        head = f'listen = "{self.listen}"\nhospital = "{HOSPITAL}"\nmany_refunds = {MANY}\n'
        self.config.write_text(head + toml(self.channels), encoding="utf-8")

    async def make_users(self) -> None:
        """Let two people of finance in, and a program."""
        shell = ("manage", "-c", str(self.config), "shell", "-v", "0", "-c", MAKE_USERS)
        told = await self._run(shell, {"NAMES": " ".join(USERS), "PASSWORD": self.password})
        self.bearer = told.split()[-1]

    async def morning(self, as_of: datetime) -> str:
        """Fetch the bills and compare, as of then; return what it says."""
        moment = f"{as_of:%Y-%m-%dT%H:%M}"
        return await self._run(("morning", "-c", str(self.config), "--as-of", moment), {})

    async def _run(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "center", *arguments),
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _nothing = await process.communicate()
        if process.returncode:
            raise ChildError(f"center {arguments[0]}: {out.decode()[-2000:]}")
        return out.decode()

    def program(self) -> "Api":
        """A program with a token."""
        headers = {"Authorization": f"Bearer {self.bearer}"}
        return Api(httpx.AsyncClient(base_url=self.address, headers=headers, **CLIENT))

    async def person(self, name: str = USERS[0]) -> "Person":
        """Somebody of finance, logged in."""
        client = httpx.AsyncClient(base_url=self.address, follow_redirects=True, **CLIENT)
        person = Person(client)
        await person.post("/login", {"username": name, "password": self.password}, form="/login")
        return person


CLIENT: dict[str, Any] = {"timeout": ASKED_S, "trust_env": False}


@dataclass(frozen=True, slots=True)
class Api:
    """The centre as a program sees it."""

    client: httpx.AsyncClient

    async def rows(self, name: str, **asked: str) -> list[dict[str, Any]]:
        """Return all rows of a report, page after page."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            answer = await self.client.get(f"/api/v1/{name}", params={**asked, "after": after})
            answer.raise_for_status()
            told = answer.json()
            found += told["rows"]
            after = told.get("next", "")
            if not after:
                return found

    async def breaks(self, days: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return all that those days' checks named: of the lists, the refunds and the bank."""
        return [more | row for name, more in SHOWN.items() for row in await self.rows(name, **days)]

    async def post(self, path: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Post a list; what the centre says of it."""
        answer = await self.client.post(path, json=rows)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    async def close(self) -> None:
        """Close the connection."""
        await self.client.aclose()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a browser: forms with their tokens, tables as they are shown."""

    client: httpx.AsyncClient

    async def post(self, path: str, fields: Mapping[str, str], form: str) -> httpx.Response:
        """Fill in the form of a page and send it; the page that follows."""
        shown = await self.client.get(form)
        token = _TOKEN.search(shown.text)
        assert token, f"no form at {form}"
        answer = await self.client.post(path, data={**fields, "csrfmiddlewaretoken": token[1]})
        answer.raise_for_status()
        return answer

    async def table(self, name: str, **asked: str) -> list[dict[str, str]]:
        """Return all rows of a report's page, heading -> text, turning the pages."""
        found: list[dict[str, str]] = []
        address: str | None = f"/reports/{name}/?{httpx.QueryParams(asked)}"
        while address:
            answer = await self.client.get(address)
            answer.raise_for_status()
            page = _Table()
            page.feed(answer.text)
            found += page.rows
            address = page.older and f"/reports/{name}/{page.older}"
        return found

    async def close(self) -> None:
        """Close the browser."""
        await self.client.aclose()


class _Table(HTMLParser):
    """The rows of a report's page."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, str]] = []
        self.older = ""
        self._head: list[str] = []
        self._cells: list[str] = []
        self._in = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a cell, a row, or find the link to older rows."""
        given = dict(attrs)
        if tag == "a" and given.get("rel") == "next":
            self.older = given["href"] or ""
        if tag in {"th", "td"}:
            self._in = tag
            (self._head if tag == "th" else self._cells).append("")

    def handle_data(self, data: str) -> None:
        """The text of a cell."""
        if self._in:
            (self._head if self._in == "th" else self._cells)[-1] += data

    def handle_endtag(self, tag: str) -> None:
        """End a cell or a row."""
        if tag in {"th", "td"}:
            self._in = ""
        elif tag == "tr":
            if len(self._cells) == len(self._head) > 1:
                self.rows.append(dict(zip(self._head, self._cells, strict=True)))
            self._cells = []


def span(first: date, last: date) -> dict[str, str]:
    """Days, as every address of the centre takes them."""
    return {"day_from": first.isoformat(), "day_to": last.isoformat()}


PAY_TYPES = {"wechat": "微信", "alipay": "支付宝", "cash": "现金", "card": "银行卡"}
Named = tuple[str, Difference]
"""Which lists were compared, and what did not agree."""


def named(rows: Iterable[Mapping[str, Any]]) -> Counter[Named]:
    """What the API names and has not cleared, in the words of who planted it."""
    return Counter(
        (
            row["pair"],
            Difference(
                row["code"],
                row["channel"],
                row["kind"],
                row["key"],
                row["difference_fen"],
            ),
        )
        for row in rows
        if row["state"] != "cleared"
    )


def his_rows(entries: Iterable[Entry], day: date) -> list[dict[str, Any]]:
    """Return a HIS's list of a day as records."""
    return [
        {
            "日期": day.isoformat(),
            "HIS单号": e.key,
            "金额（分）": str(e.fen),
            "支付方式": PAY_TYPES[e.wallet],
            "收退": "收款" if e.kind == PAYMENT else "退款",
            "商户单号": e.order,
        }
        for e in entries
    ]
