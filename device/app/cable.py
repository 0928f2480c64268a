"""The HIS's serial cable as a connection of the link."""

from typing import TYPE_CHECKING

from device.his_link.link import HisLink, Receiver

if TYPE_CHECKING:
    from device.domain.ports import ByteStream


class SerialCable:
    """A serial port as one connection: attached at each opening, closed at each loss."""

    def __init__(self, link: HisLink, baudrate: int) -> None:
        self._link = link
        self._baudrate = baudrate
        self._receiver: Receiver | None = None
        self.port: ByteStream

    def on_bytes(self, data: bytes) -> None:
        """Bytes came."""
        if self._receiver:
            self._receiver.data_received(data)

    def on_open(self, is_open: bool) -> None:  # noqa: FBT001  SerialPort's signature
        """The port was opened, or lost."""
        if is_open:
            self._receiver = self._link.attach(self.port, "serial", baudrate=self._baudrate)
        elif self._receiver:
            self._receiver.closed()
            self._receiver = None
