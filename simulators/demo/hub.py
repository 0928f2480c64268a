"""What the page shows, as named sections; the browser is told the newest of each.

A listener that is slow or asleep costs nothing: it holds the names of what changed since it last
looked, never a queue of old values.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Section = Mapping[str, object]
"""One section, ready for JSON."""


class Hub:
    """The newest value of every section, and who is to be told."""

    def __init__(self) -> None:
        self._sections: dict[str, Section] = {}
        self._listeners: set[_Listener] = set()

    def publish(self, name: str, value: Section) -> None:
        """Keep `value` as the newest of this section; an equal one is no news."""
        if self._sections.get(name) == value:
            return
        self._sections[name] = value
        for listener in self._listeners:
            listener.mark(name)

    @contextmanager
    def listen(self) -> "Iterator[AsyncIterator[dict[str, Section]]]":
        """Give an endless stream of what changed; the first item is everything."""
        listener = _Listener(set(self._sections))
        self._listeners.add(listener)
        try:
            yield self._changes(listener)
        finally:
            self._listeners.discard(listener)

    async def _changes(self, listener: "_Listener") -> AsyncIterator[dict[str, Section]]:
        while True:
            names = await listener.wait()
            yield {name: self._sections[name] for name in sorted(names)}


class _Listener:
    """The names of the sections that one browser has not seen yet."""

    def __init__(self, names: set[str]) -> None:
        self._names = names
        self._news = asyncio.Event()
        if names:
            self._news.set()

    def mark(self, name: str) -> None:
        self._names.add(name)
        self._news.set()

    async def wait(self) -> set[str]:
        await self._news.wait()
        self._news.clear()
        names, self._names = self._names, set()
        return names
