"""A serial cable between HIS and box: two pseudo terminals, and somebody who passes bytes on."""

import asyncio
import os
import pty
import tty

READ_BYTES = 4096  # what a terminal's buffer holds


class SerialLine:
    """`box_port` goes into paybox.toml, `his_port` is what the HIS opens."""

    def __init__(self) -> None:
        # The far ends stay open here: who opens the line again finds it as it was.
        self._box, box_far = pty.openpty()
        self._his, his_far = pty.openpty()
        self._ends = (self._box, box_far, self._his, his_far)
        for end in (box_far, his_far):
            tty.setraw(end)
        self.box_port, self.his_port = os.ttyname(box_far), os.ttyname(his_far)

    def start(self) -> None:
        """Pass on what is said from now on."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._box, _pass_on, self._box, self._his)
        loop.add_reader(self._his, _pass_on, self._his, self._box)

    def close(self) -> None:
        """Pull it out for good."""
        loop = asyncio.get_running_loop()
        for near in (self._box, self._his):
            loop.remove_reader(near)
        for end in self._ends:
            os.close(end)


def _pass_on(source: int, sink: int) -> None:
    os.write(sink, os.read(source, READ_BYTES))
