"""A box that asks for the passphrase of the bundle on its boot partition, and a technician."""

import asyncio

from tests.image.whole.stage import Stage

EVERY_S = 5.0
PATIENCE_S = 600.0
STATE = "sleep 1; systemctl is-active paybox-provision.service"


async def until_it_waits(stage: Stage) -> None:
    """Return once it asks for what it lacks; TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while (await stage.guest.run(STATE)).strip() != "activating":
            pass


async def by_passphrase(stage: Stage, passphrase: str) -> None:
    """Scan the passphrase until it is taken; TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while (state := (await stage.guest.run(STATE)).strip()) != "active":
            if state != "activating":
                continue
            await stage.guest.type(passphrase + "\r")
            await asyncio.sleep(EVERY_S)
