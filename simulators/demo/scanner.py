"""The scanner's cable: a pseudo terminal whose one end the demo holds.

The box opens the other end as `[scanner] port`, like a USB scanner in serial mode, and reads the
code's digits and a CR.
"""

import os
import pty
import tty
from types import TracebackType
from typing import Self

SUFFIX = b"\r"  # what scanners send after a code (config: CR, LF, Tab or 100 ms of silence)


class ScannerCable:
    """A pty; `port` is what goes into paybox.toml."""

    def __init__(self) -> None:
        # The far end stays open here too: a box that is switched off must not hang up the line.
        self._near, self._far = pty.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        self.port = os.ttyname(self._far)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def read_code(self, code: str) -> None:
        """Send a code as the scanner does when a phone is held to it."""
        os.write(self._near, code.encode("ascii") + SUFFIX)

    def close(self) -> None:
        """Pull the cable for good."""
        os.close(self._near)
        os.close(self._far)
