"""The demo's statistics centre: a real `paybox-center` beside the box, with a finance user.

It is found by its command, as the box is; without the `center` extra the demo goes on without it.
"""

import asyncio
import importlib.util
import os
import re
import secrets
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from simulators.demo.children import Child, ChildError, Program
from simulators.demo.site import BOX_ID, HOSPITAL, Site

READY = re.compile(r"^ready http://127\.0\.0\.1:(\d+)/")
PATIENCE_S = 60.0  # the first start makes the database
USER = "caiwu"
NEEDED = ("django", "cheroot", "whitenoise", "openpyxl", "dj_database_url")
MAKE_USER = (
    "import os; from center.accounts.models import User; "
    f"User.objects.filter(username='{USER}').delete(); "
    f"User.objects.create_user('{USER}', password=os.environ['DEMO_PASSWORD'], role='finance',"
    " must_change_password=False)"
)


def here() -> bool:
    """Whether what the centre is built on is installed."""
    return all(importlib.util.find_spec(name) for name in NEEDED)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Where the centre of this demo is and who may log in."""

    directory: Path
    port: int
    password: str

    @property
    def address(self) -> str:
        """Its first page."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def box_table(self) -> dict[str, object]:
        """The box's `[center]`."""
        key = self.directory / "boxes" / f"{BOX_ID}.key"
        return {"url": self.address.rstrip("/"), "key_file": str(key)}

    @property
    def config(self) -> Path:
        """What `paybox-center run -c` reads."""
        return self.directory / "paybox-center.toml"


def prepare(site: Site) -> Statistics:
    """Make its folder, its key and its configuration; a free port is taken now."""
    directory = site.directory / "center"
    (directory / "boxes").mkdir(parents=True, exist_ok=True)
    made = Statistics(directory, _free_port(), secrets.token_urlsafe(8))
    key = directory / "boxes" / f"{BOX_ID}.key"
    if not key.exists():
        key.write_text(secrets.token_hex(32) + os.linesep)
    made.config.write_text(
        f'listen = "127.0.0.1:{made.port}"\nhospital = "{HOSPITAL}"\n', encoding="utf-8"
    )
    return made


async def start(made: Statistics) -> Child:
    """Run the centre and let the finance user in; ChildError if it does not get ready."""
    command = (sys.executable, "-m", "center", "run", "-c", str(made.config))
    child = Child(Program("center", command, READY))
    await child.start(PATIENCE_S)
    shell = ("manage", "-c", str(made.config), "shell", "-v", "0", "-c", MAKE_USER)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "center", *shell),
        env={**os.environ, "DEMO_PASSWORD": made.password},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    if await process.wait():
        await child.stop()
        raise ChildError("center: the finance user could not be made")
    return child


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
