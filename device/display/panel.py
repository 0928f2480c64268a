"""The panel port: screens drawn in a thread of their own, the newest one wins.

A slow or hanging bus never stalls the loop, and a display fault never stops a payment
(architecture §4): what is missing is told as `drawn` without a panel (payment-states §2, the
glass), and the panel is opened again and again.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from PIL import Image

from device.display.render import render
from device.display.rest import REST_S, moved, steps
from device.domain.screens import AmountDue, Password, Screen, Starting
from device.errors import HardwareError

log = logging.getLogger(__name__)

NO_PANEL_S = 0.3  # payment-states §2: without a panel the amount counts as seen this much later
PATIENCE_S = 1.0  # a whole picture takes 93 ms at 100 kHz; later than this the bus hangs
REOPEN_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # a loose plug is back at once, a dead panel never
COUNTDOWN_S = 1.0  # between two pictures of a running countdown
RENEW_S = REST_S  # a panel that lost its power for a moment stays dark no longer than this
YIELD_S = 0.008
"""A newer screen waits so long before it is drawn. Both threads share one interpreter, and in these
milliseconds the loop signs and sends a request, or tells the HIS; a person sees no difference."""
CLOSE_S = 1.0  # a thread that hangs in the kernel is left behind: it is a daemon

Drawn = Callable[[float], None]


class Glass(Protocol):
    """An open panel as the drawing thread sees it; every method may raise HardwareError."""

    def put(self, image: Image.Image) -> None:
        """Return when the picture is on the glass."""

    def dim(self, *, dimmed: bool) -> None:
        """Set the brightness of rest or of work."""

    def renew(self) -> None:
        """Believe nothing of what the panel remembers."""

    def close(self) -> None:
        """Let go of the bus."""


class Telling:
    """Calls `drawn` on the loop, once, or never if a newer screen has taken the glass."""

    def __init__(self, drawn: Drawn, monotonic: Callable[[], float]) -> None:
        self._loop = asyncio.get_running_loop()
        self._drawn: Drawn | None = drawn
        self._patience = self._loop.call_later(PATIENCE_S, lambda: self._tell(monotonic()))

    def tell(self, at: float) -> None:
        """Say from any thread when it was on the glass."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens any more
            self._loop.call_soon_threadsafe(self._tell, at)

    def drop(self) -> None:
        """Forget it; on the loop only."""
        self._drawn = None
        self._patience.cancel()

    def _tell(self, at: float) -> None:
        drawn = self._drawn
        self.drop()
        if drawn is not None:
            drawn(at)


@dataclass(frozen=True, slots=True)
class Wish:
    """A screen somebody wants shown."""

    screen: Screen
    since: float
    telling: Telling | None = None

    def now(self, monotonic_s: float) -> Screen:
        """Return the screen with its countdown run on."""
        left = getattr(self.screen, "seconds_left", None)
        if not isinstance(self.screen, AmountDue | Password) or left is None:
            return self.screen
        return replace(self.screen, seconds_left=max(0, left - int(monotonic_s - self.since)))

    def counts_down(self, monotonic_s: float) -> bool:
        """Whether the picture changes by itself."""
        return bool(getattr(self.now(monotonic_s), "seconds_left", None))


class ThreadPanel:
    """`domain.ports.Panel` over anything that `open_glass` opens.

    `start()` may be called before there is a loop: it shows `Starting` while the rest of the
    program is still being imported.
    """

    def __init__(
        self,
        open_glass: Callable[[], Glass],
        width: int,
        height: int,
        language: str = "zh",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_glass = open_glass
        self._size = (width, height)
        self._language = language
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._wish = Wish(Starting(), monotonic())
        self._unseen = True  # the newest wish has not been drawn yet
        self._closing = False
        self._working = True  # until the first fault: opening takes a moment
        self._failures = 0
        self._renewed_s = 0.0
        self._glass: Glass | None = None
        self._thread = threading.Thread(target=self._run, name="panel", daemon=True)

    @property
    def working(self) -> bool:
        """Whether the last picture reached the glass; for the diagnosis."""
        return self._working

    def start(self) -> None:
        """Begin with the starting screen."""
        self._thread.start()

    def show(self, screen: Screen, drawn: Drawn | None = None) -> None:
        """See `domain.ports.Panel`; with `drawn` it must be called on the loop."""
        telling = Telling(drawn, self._monotonic) if drawn else None
        with self._changed:
            before, self._wish = self._wish, Wish(screen, self._monotonic(), telling)
            self._unseen = True
            missing = not self._working
            self._changed.notify()
        if before.telling:
            before.telling.drop()
        if telling and missing:
            telling.tell(self._monotonic() + NO_PANEL_S)

    def close(self) -> None:
        """Draw the newest screen and stop; it stays on the glass."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        ended = False
        while not ended:
            if self._glass:  # not before the very first picture
                time.sleep(YIELD_S)
            with self._changed:
                wish, self._unseen = self._wish, False
            self._draw(wish)
            ended = self._wait(wish)
        if self._glass:
            self._glass.close()

    def _wait(self, wish: Wish) -> bool:
        """Wait for a newer screen, the next second or the next try; True = the end."""
        with self._changed:
            if self._working:
                tick_s = COUNTDOWN_S if wish.counts_down(self._monotonic()) else RENEW_S
                self._changed.wait_for(lambda: self._unseen or self._closing, tick_s)
            else:  # a newer screen does not make a missing panel come back sooner
                pause_s = REOPEN_S[min(self._failures, len(REOPEN_S)) - 1]
                self._changed.wait_for(lambda: self._closing, pause_s)
            return self._closing and not self._unseen

    def _draw(self, wish: Wish) -> None:
        try:
            self._put(wish)
        except HardwareError as fault:
            self._failed(str(fault))
        except Exception as bug:  # noqa: BLE001  a fault in drawing must not end the panel
            self._failed(f"picture: {type(bug).__name__}")  # its text could hold a name
        else:
            if wish.telling:
                wish.telling.tell(self._monotonic())

    def _put(self, wish: Wish) -> None:
        now = self._monotonic()
        rested = steps(wish.screen, now - wish.since)
        image = moved(render(wish.now(now), *self._size, self._language), rested)
        if self._glass is None:
            self._glass, self._renewed_s = self._open_glass(), now
        if now - self._renewed_s >= RENEW_S:
            self._renewed_s = now
            self._glass.renew()
        self._glass.dim(dimmed=rested > 0)  # after `renew`, which starts in full light
        self._glass.put(image)
        if not self._working:
            log.info("panel works again")
        self._working, self._failures = True, 0

    def _failed(self, fault: str) -> None:
        if self._working:  # once, not at each try
            log.warning("panel: %s", fault)
        glass, self._glass = self._glass, None
        if glass:
            glass.close()
        self._failures += 1
        with self._changed:  # from here on `show` tells by itself
            self._working = False
            newest = self._wish
        if newest.telling:
            newest.telling.tell(self._monotonic() + NO_PANEL_S)


class NoPanel:
    """A box without a display: every amount counts as seen after 0.3 s."""

    working = True

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic

    def start(self) -> None:
        """Nothing to start."""

    def show(self, screen: Screen, drawn: Drawn | None = None) -> None:  # noqa: ARG002  the port
        """See `domain.ports.Panel`."""
        if drawn:
            asyncio.get_running_loop().call_soon(drawn, self._monotonic() + NO_PANEL_S)

    def close(self) -> None:
        """Nothing to stop."""
