"""Sync as the box runs it: the uploader with its real edges, or why there is none.

A centre that cannot be used never keeps the box from taking money: the journal is kept, and one
line of the diagnosis says what is wrong.
"""

# ruff: noqa: PLC0415  what a configuration does not use is not imported

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from device import __version__
from device.config import Config, read_key
from device.domain.replies import Part
from device.errors import ConfigError, SyncError

if TYPE_CHECKING:
    from device.clock import Clock
    from device.sync.client import CenterClient
    from device.sync.uploader import Abilities, Outbox, Uploader

NO_CENTER = "未配置统计中心，流水只保存在本机"


def make_client(config: Config) -> "CenterClient":
    """The way to the centre; ConfigError if a file of it cannot be used."""
    from device.channels.http import tls_context
    from device.sync.client import CenterClient
    from device.sync.uploader import KEY_ID

    section = config.center
    tls = None
    if section.url.startswith("https:"):
        tls = tls_context(section.ca_file, section.cert_file, section.key_pem_file)
    return CenterClient(section.url, config.box.id, KEY_ID, tls)


class Sync:
    """The uploader, if there is a centre whose files can be used."""

    def __init__(
        self, config: Config, outbox: "Outbox", abilities: "Abilities", clock: "Clock"
    ) -> None:
        self._client: CenterClient | None = None
        self.uploader: Uploader | None = None
        self._off = Part("sync", "warn", NO_CENTER)
        if not config.center.url:
            return
        try:
            self._client = make_client(config)
            self.uploader = _uploader(config, outbox, abilities, clock, self._client)
        except ConfigError as error:
            self._off = Part("sync", "fail", f"[center] {error}")

    async def run(self) -> None:
        """Send for as long as the task lives; without a centre there is nothing to do."""
        if self.uploader:
            await self.uploader.run()
        else:
            await asyncio.Event().wait()

    async def aclose(self) -> None:
        """Close the connection."""
        if self._client:
            await self._client.aclose()

    def part(self) -> Part:
        """The line of the diagnosis."""
        return self.uploader.part() if self.uploader else self._off

    def journal_fault(self) -> str:
        """Why the journal cannot be called whole; empty if it can (payment-states M25)."""
        return self.uploader.journal_fault() if self.uploader else ""


def _uploader(
    config: Config,
    outbox: "Outbox",
    abilities: "Abilities",
    clock: "Clock",
    client: "CenterClient",
) -> "Uploader":
    from device.sync.exchange import Sender
    from device.sync.uploader import Uploader

    return Uploader(
        sender=Sender(config.box.id, __version__),
        desk=config.box.desk,
        key=read_key(config.center.key_file),
        outbox=outbox,
        post=client,
        abilities=abilities,
        clock=clock,
        randomness=os.urandom,
        apart=asyncio.to_thread,
    )


def health_of(parts: Sequence[Part]) -> list[dict[str, str]]:
    """The diagnosis as it goes up with each batch."""
    return [{"part": p.part, "state": p.state, "text": p.text} for p in parts]


async def look(config: Config, epoch: str) -> Part:
    """Ask the centre for its cursor, for `paybox check`: nothing is changed anywhere."""
    if not config.center.url:
        return Part("sync", "warn", NO_CENTER)
    from device.sync.exchange import Sender
    from device.sync.uploader import ask_cursor

    try:
        client = make_client(config)
        key = read_key(config.center.key_file)
    except ConfigError as error:
        return Part("sync", "fail", f"[center] {error}")
    try:
        ack = await ask_cursor(client, Sender(config.box.id, __version__), key, epoch, os.urandom)
    except SyncError as error:
        return Part("sync", "warn", f"统计中心不可用：{error}")
    finally:
        await client.aclose()
    return Part("sync", "ok", f"统计中心应答正常，已有本机 {ack} 条")
