"""One thread that does what is due: statements each morning, old traces gone."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import close_old_connections

from center.ledger.ingest import forget_traces
from center.ledger.rows import BEIJING
from center.reviews.fetch import fetch_reviews
from center.statements.morning import morning
from center.statements.providers import Statements, WechatStatements

log = logging.getLogger(__name__)

EVERY_S = 15 * 60.0  # a statement that was not ready is asked for again after this


class Scheduler:
    """Runs `morning` at start and every quarter of an hour. A fault of one turn ends that turn."""

    def __init__(
        self,
        providers: Sequence[Statements],
        now: Callable[[], datetime] = lambda: datetime.now(BEIJING),
        every_s: float = EVERY_S,
    ) -> None:
        self._providers = providers
        self._now = now
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the turn that is under way."""
        self._stop.set()
        self._thread.join(timeout=10.0)

    def _turn(self, now: datetime) -> None:
        morning(self._providers, now)
        forget_traces(now)
        for provider in self._providers:
            if isinstance(provider, WechatStatements):
                fetch_reviews(provider, now)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._turn(self._now())
            except Exception:  # the next turn tries again; the pages go on
                log.exception("the scheduler's turn failed")
            finally:
                close_old_connections()
            self._stop.wait(self._every_s)
