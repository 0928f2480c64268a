"""A look into the running box: what listens, what it exposes, what its start consists of."""

import asyncio
import contextlib
import re
from collections.abc import Iterator

from tests.image.whole.hospital import BOX
from tests.image.whole.site import HIS_PORT
from tests.image.whole.stage import Stage

MOST_EXPOSED = 1.5
PORTS = 65535
AT_ONCE = 1500
PATIENCE_S = 1.5  # a port that is dropped says nothing
DHCP_CLIENT = 68


async def look(stage: Stage) -> None:
    """Add a row for each."""
    await _listening(stage)
    await _exposure(stage)
    await _failed(stage)
    await _users(stage)


async def start_times(stage: Stage) -> None:
    """Print the share of each unit in the start."""
    print(await stage.guest.run("systemd-analyze --no-pager critical-chain paybox.service"))
    print(await stage.guest.run("systemd-analyze --no-pager blame | head -25"))


async def scan(stage: Stage) -> None:
    """Knock at every TCP port from outside the tunnel."""
    numbers = iter(range(1, PORTS + 1))
    found: list[int] = []
    await asyncio.gather(*(_knock(numbers, found) for _ in range(AT_ONCE)))
    wanted = [HIS_PORT] if stage.tcp else []
    told = f"of {PORTS} TCP ports open: {sorted(found) or 'none'}"
    stage.table.say("port scan from the wire", told, right=sorted(found) == wanted)


async def _knock(numbers: Iterator[int], found: list[int]) -> None:
    for port in numbers:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                _, writer = await asyncio.open_connection(BOX, port)
            found.append(port)
            writer.close()


async def _listening(stage: Stage) -> None:
    """The HIS's port and WireGuard's are all there may be (and the DHCP client's, where used)."""
    lines = (await stage.guest.run("ss -Hltnup")).splitlines()
    sockets = {(line.split()[0], int(line.split()[4].rsplit(":", 1)[1])) for line in lines}
    wireguard = int((await stage.guest.run("wg show wg0 listen-port")).strip())
    wanted = {("udp", wireguard)} | ({("tcp", HIS_PORT)} if stage.tcp else set())
    right = wanted <= sockets <= wanted | {("udp", DHCP_CLIENT)}
    stage.table.say("ss -ltnup", f"{sorted(sockets)}, WireGuard {wireguard}", right=right)


async def _exposure(stage: Stage) -> None:
    told = await stage.guest.run(
        "systemd-analyze security --no-pager paybox.service | tail -1", 120
    )
    found = re.search(r"level for paybox.service: ([0-9.]+)", told)
    score = float(found[1]) if found else 10.0
    stage.table.say("systemd-analyze security paybox", f"{score}", right=score <= MOST_EXPOSED)


async def _failed(stage: Stage) -> None:
    told = (await stage.guest.run("systemctl --failed --plain --no-legend --no-pager")).strip()
    stage.table.say("failed units", told or "none", right=not told)


async def _users(stage: Stage) -> None:
    """The firmware is no root, and no account can log in by a password."""
    user = (await stage.guest.run("ps -o user= -p $(systemctl show -P MainPID paybox)")).strip()
    told = await stage.guest.run("cut -d: -f2 /etc/shadow | sort -u")
    words = set(told.split())
    right = user == "paybox" and words == {"*"}
    stage.table.say("users", f"firmware runs as {user}, passwords {sorted(words)}", right=right)
