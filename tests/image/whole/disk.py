"""A card with a write-back cache that is lost when the plug is pulled.

QEMU reaches it by NBD. What was written since the last flush may be on the card or not after a cut,
each sector for itself and at any of its versions: less than that no storage promises, and the
order in which it was written means nothing.
"""

import asyncio
import contextlib
import os
import random
import struct
from pathlib import Path

SECTOR = 512
# The NBD protocol, newstyle handshake (https://github.com/NetworkBlockDevice/nbd, doc/proto.md).
NBD_MAGIC, OPTION_MAGIC, REPLY_MAGIC = 0x4E42444D41474943, 0x49484156454F5054, 0x3E889045565A9
REQUEST_MAGIC, SIMPLE_REPLY_MAGIC = 0x25609513, 0x67446698
FIXED_NEWSTYLE, NO_ZEROES = 1, 2
OPT_ABORT, OPT_GO = 2, 7
REP_ACK, REP_INFO, REP_UNSUPPORTED = 1, 3, 0x80000001
INFO_EXPORT = 0
HAS_FLAGS, SEND_FLUSH = 1, 4
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
REQUEST = struct.Struct(">IHHQQI")


class Disk:
    """One card behind a socket. `cut` after QEMU was killed: then what was not flushed is luck."""

    def __init__(self, file: Path, socket: Path, luck: random.Random) -> None:
        self._file = os.open(file, os.O_RDWR)
        self._size = os.fstat(self._file).st_size
        self._socket, self._luck = socket, luck
        self._older: dict[int, list[bytes]] = {}
        """Of each sector written since the last flush: what was there before, oldest first."""
        self._server: asyncio.Server
        self.flushes = 0
        self.written = 0
        """Bytes."""

    @property
    def drive(self) -> str:
        """The value of QEMU's `-drive`."""
        file = f"nbd:unix:{self._socket}:exportname=card"
        return f"id=card,if=none,format=raw,cache=writeback,file={file}"

    async def start(self) -> None:
        """Take connections."""
        self._socket.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._socket)

    def stop(self) -> None:
        """Close the card; what is still cached is written."""
        self._server.close()
        os.close(self._file)

    def cut(self) -> int:
        """Lose what was not flushed, sector by sector; return how many sectors were in doubt."""
        doubtful = len(self._older)
        for sector, older in self._older.items():
            choice = self._luck.randrange(len(older) + 1)
            if choice < len(older):
                os.pwrite(self._file, older[choice], sector * SECTOR)
        self._older.clear()
        return doubtful

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._negotiate(reader, writer)
            while await self._answer(reader, writer):
                pass
        writer.close()

    async def _negotiate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        flags = FIXED_NEWSTYLE | NO_ZEROES
        writer.write(struct.pack(">QQH", NBD_MAGIC, OPTION_MAGIC, flags))
        await reader.readexactly(4)
        while True:
            _, option, length = struct.unpack(">QII", await reader.readexactly(16))
            await reader.readexactly(length)
            if option == OPT_GO:
                export = struct.pack(">HQH", INFO_EXPORT, self._size, HAS_FLAGS | SEND_FLUSH)
                _reply(writer, option, REP_INFO, export)
                _reply(writer, option, REP_ACK)
                return
            _reply(writer, option, REP_ACK if option == OPT_ABORT else REP_UNSUPPORTED)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = REQUEST.unpack(await reader.readexactly(REQUEST.size))
        _, _, kind, handle, offset, length = head
        data = b""
        if kind == READ:
            data = os.pread(self._file, length, offset)
        elif kind == WRITE:
            self._write(offset, await reader.readexactly(length))
        elif kind == FLUSH:
            self.flushes += 1
            self._older.clear()
        elif kind == DISCONNECT:
            return False
        writer.write(struct.pack(">IIQ", SIMPLE_REPLY_MAGIC, 0, handle) + data)
        await writer.drain()
        return True

    def _write(self, offset: int, data: bytes) -> None:
        self.written += len(data)
        before = os.pread(self._file, len(data), offset)
        for at in range(0, len(data), SECTOR):
            older = self._older.setdefault((offset + at) // SECTOR, [])
            older.append(before[at : at + SECTOR])
        os.pwrite(self._file, data, offset)


def _reply(writer: asyncio.StreamWriter, option: int, kind: int, data: bytes = b"") -> None:
    writer.write(struct.pack(">QIII", REPLY_MAGIC, option, kind, len(data)) + data)
