"""What the HIS's end has asked and what became of it (his-link §2). No I/O."""

import asyncio
from collections.abc import Iterator
from typing import Any

from device.errors import PeerError

Fields = dict[str, Any]


class NoAnswer(PeerError):
    """The box did not answer in time, or the way to it is gone: ask again with `query`."""


class Call:
    """A message that was sent, and what became of it. `answered`: an answer is expected."""

    def __init__(self, body: bytes, *, answered: bool = True) -> None:
        self.body = body
        self.answered = answered
        loop = asyncio.get_running_loop()
        self.delivered: asyncio.Future[None] = loop.create_future()
        self.answer: asyncio.Future[Fields] = loop.create_future()
        self._so_far: Fields = {}

    def take(self, message: Fields) -> None:
        """Take an answer; the lists of one that was cut into several are joined."""
        for name, value in self._so_far.items():
            if isinstance(value, list) and isinstance(message.get(name), list):
                message[name] = value + message[name]
        if message.pop("more", False):
            self._so_far = message
        else:
            self.answer.set_result(message)

    def fail(self) -> None:
        """Tell whoever waits that nothing will come."""
        for future in (self.delivered, self.answer):
            fail(future, "the connection to the box is gone")


class Calls:
    """Every call of one connection: not sent yet, by the SEQ it left with, or held back."""

    def __init__(self) -> None:
        self._unsent: list[Call] = []
        self._sent: dict[int, Call] = {}
        """A SEQ that comes round again takes the place."""
        self._held: list[Call] = []
        """What is to be sent when the box has proved itself again."""

    def add(self, call: Call) -> None:
        """Remember what is to leave now."""
        self._unsent.append(call)

    def hold(self, call: Call) -> None:
        """Keep one back until the box has proved itself."""
        self._held.append(call)

    def left(self, call: Call, seq: int) -> None:
        """Learn which SEQ the answer will name."""
        self._unsent.remove(call)
        self._sent[seq] = call

    def waiting(self, message: Fields) -> Call | None:
        """Return who waits for this message; None: it comes unasked."""
        call = self.named(message)
        return None if call is None or call.answer.done() else call

    def named(self, message: Fields) -> Call | None:
        """Return the call whose SEQ the message names, answered or not."""
        return self._sent.get(_seq(message.get("re")))

    def again(self) -> Iterator[Call]:
        """Give out what must be sent in a new session: the unanswered, then what was held."""
        open_ = [call for call in self._sent.values() if call.answered and not call.answer.done()]
        held, self._held = self._held, []
        self._sent.clear()
        yield from (*open_, *held)

    def fail_all(self) -> None:
        """The connection is gone."""
        for call in (*self._unsent, *self._sent.values(), *self._held):
            call.fail()
        self._unsent.clear()
        self._held.clear()
        self._sent.clear()


def fail(future: "asyncio.Future[Any]", why: str) -> None:
    """End a wait; whoever does wait gets the error, and nobody else hears of it."""
    if not future.done():
        future.set_exception(NoAnswer(why))
        future.exception()  # seen: whoever waits gets it all the same


def _seq(re: object) -> int:
    try:
        return int(re, 16) if isinstance(re, str) else 0
    except ValueError:
        return 0
