"""A panel that is a picture file: for the demo, laptops and tests."""

import os
from pathlib import Path

from PIL import Image

from device.errors import HardwareError


class PngFile:
    """Replaces the file whenever the picture changes; a reader never sees half a picture."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Named once: pathlib interns each name, and one that comes and goes grows Python's table.
        self._part = path.with_name(f".{path.name}.part")
        self._shown = b""

    def put(self, image: Image.Image) -> None:
        """Write the picture, pixel for pixel; HardwareError if the disk refuses."""
        new = image.tobytes()
        if new == self._shown:
            return
        try:
            image.save(self._part, "PNG")
            os.replace(self._part, self._path)  # noqa: PTH105  the atomic call, by its own name
        except OSError as fault:
            raise HardwareError(f"picture file: {type(fault).__name__}") from fault
        self._shown = new

    def dim(self, *, dimmed: bool) -> None:
        """A file gives no light."""

    def renew(self) -> None:
        """A file forgets nothing."""

    def close(self) -> None:
        """The last picture stays."""
