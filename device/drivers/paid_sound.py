"""A melody or a voice at `paid`, from a file that the site supplies, beside lamp and buzzer.

The player is a program of its own: without it, without a sound card or with a broken file there is
silence and one line in the log, and nothing else happens differently.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from device.domain.screens import Signal

log = logging.getLogger(__name__)

PLAYER = ("aplay", "--quiet")
LONGEST_S = 10.0  # the next patient is there by then


class Lamp(Protocol):
    """What stands behind it."""

    @property
    def working(self) -> bool:
        """Whether the last change reached the lamp."""

    def signal(self, signal: Signal) -> None:
        """Say this until told otherwise."""

    def close(self) -> None:
        """Let go of it."""


class PaidSound:
    """A lamp that also plays `file` when it begins to say `paid`."""

    def __init__(self, lamp: Lamp, file: Path, player: Sequence[str] = PLAYER) -> None:
        self._lamp = lamp
        self._command = (*player, str(file))
        self._signal: Signal | None = None
        self._playing: asyncio.Task[None] | None = None
        self._complained = False

    def signal(self, signal: Signal) -> None:
        """See `domain.ports.Lamp`; the lamp comes first."""
        before, self._signal = self._signal, signal
        self._lamp.signal(signal)
        if signal is Signal.PAID and before is not signal and self._free():
            self._playing = asyncio.get_running_loop().create_task(self._play())

    @property
    def working(self) -> bool:
        """Of the lamp: a sound is an extra."""
        return self._lamp.working

    def close(self) -> None:
        """Close the lamp; a sound that is playing ends by itself."""
        self._lamp.close()

    def _free(self) -> bool:
        return self._playing is None or self._playing.done()

    async def _play(self) -> None:
        try:
            await self._run()
        except Exception as fault:  # noqa: BLE001  whatever it is, it is only a sound
            self._complain(type(fault).__name__)

    async def _run(self) -> None:
        nothing = asyncio.subprocess.DEVNULL
        player = await asyncio.create_subprocess_exec(
            *self._command, stdin=nothing, stdout=nothing, stderr=nothing
        )
        try:
            async with asyncio.timeout(LONGEST_S):
                code = await player.wait()
        except TimeoutError:
            player.kill()
            code = await player.wait()
        if code:
            self._complain(f"exit code {code}")

    def _complain(self, why: str) -> None:
        if not self._complained:
            log.warning("paid_sound: %s: %s", self._command[0], why)
        self._complained = True
