"""Streams by address, as the HIS's side opens them."""

import asyncio
import os
import tty
from pathlib import Path

import pytest

from device.drivers.serial_port import SerialPort
from device.drivers.streams import open_stream


class Ear:
    def __init__(self) -> None:
        self.received = bytearray()
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.received += data

    def closed(self) -> None:
        self.ended.set()


@pytest.mark.parametrize(
    "address",
    [
        *(
            "",
            "127.0.0.1:7601",
            "tcp://",
            "tcp://host",
            "tcp://:7601",
            "tcp://h:0",
            "tcp://h:65536",
        ),
        *("tcp://h:x", "udp://h:1", "serial:", "serial://ttyUSB0", "serial:///d?baudrate=1199"),
        *("serial:///d?baudrate=115201", "serial:///d?baudrate=x", "tcp://[::1:7601"),
        "tcp://h:1?baudrate=9",
    ],
)
async def test_a_wrong_address_is_a_value_error(address: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  partly urlsplit's own words
        await open_stream(address, Ear())


async def test_a_serial_stream_ends_when_the_cable_is_pulled() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    ear = Ear()
    stream = await open_stream(f"serial://{os.ttyname(slave)}", ear)
    stream.write(b"\x05")
    assert os.read(master, 10) == b"\x05"
    os.close(slave)
    os.close(master)
    await asyncio.wait_for(ear.ended.wait(), 5)
    stream.close()


async def test_a_missing_port_is_told_at_once_by_the_systems_own_words(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await asyncio.wait_for(open_stream(f"serial://{tmp_path}/none", Ear()), 1)


async def test_a_port_in_use_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.drivers.streams.CONNECT_TIMEOUT_S", 0.1)
    master, slave = os.openpty()
    path = os.ttyname(slave)
    opened = asyncio.Event()
    owner = SerialPort(path, 9600, lambda _data: None, lambda _open: opened.set())
    running = asyncio.create_task(owner.run())
    await asyncio.wait_for(opened.wait(), 5)
    with pytest.raises(OSError, match="in use"):
        await open_stream(f"serial://{path}", Ear())
    owner.close()
    await running
    os.close(master)
    os.close(slave)
