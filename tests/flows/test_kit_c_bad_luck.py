"""The C client on a rehearsal, and against a box that sends anything at all."""

import asyncio
import contextlib
import ctypes
import random
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from device.drivers.streams import serve_stream
from device.his_link import frames
from device.his_link.rehearsal import command, scenes, stage
from device.his_link.rehearsal.command import rehearse
from device.his_link.rehearsal.scenes import SCENES
from device.his_link.rehearsal.stage import Stage

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

KIT = Path(__file__).parents[2] / "his_kit" / "c"
QUICK = ["-DACK_MS=400", "-DAGAIN_MS=200", "-DPAUSE_MS=100"]
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
UNKNOWN, REFUSED = 0, 7
SANITIZED = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


class Till:
    """A cashier at the C client, in a thread of his own."""

    def __init__(self, library: ctypes.CDLL, address: str) -> None:
        self._library = library
        self._handle = library.paybox_open(address.encode(), 2000)
        self.over = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        bill = 0
        while not self.over:
            bill += 1
            self._collect(f"C{bill}".encode(), 100 + bill)

    def _collect(self, id_: bytes, fen: int) -> None:
        answer = ctypes.create_string_buffer(4096)
        lib, handle, size = self._library, self._handle, len(answer)
        code = lib.paybox_pay(handle, id_, 1, fen, b"outpatient_fee", b"", 3, answer, size)
        if code == REFUSED and b"code=busy" in answer.value:
            time.sleep(0.6)  # the cashier reads the message
        asked_until = time.monotonic() + 3.0
        conflict = code == REFUSED and b"code=conflict" in answer.value
        while (code == UNKNOWN or conflict) and not self.over and time.monotonic() < asked_until:
            code = lib.paybox_query(handle, id_, 1, 1, answer, size)
            conflict = False

    def stop(self) -> None:
        self.over = True
        self._thread.join(20)
        self._library.paybox_close(self._handle)


@pytest.fixture
def library(tmp_path: Path) -> ctypes.CDLL:
    """The client with its waits made short."""
    built = tmp_path / "libpaybox_his.so"
    flags = [*WARNINGS, *QUICK, "-O1", "-shared", "-fPIC", "-o", str(built)]
    subprocess.run(["gcc", *flags, str(KIT / "paybox_his.c")], check=True)
    return ctypes.CDLL(str(built))


async def test_on_a_rehearsal_it_does_nothing_wrong(
    library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RESEND_S": 1.2, "LATE_S": 0.6, "OFF_S": 0.3, "CALM_S": 0.5}.items():
        monkeypatch.setattr(scenes, name, value)
    monkeypatch.setattr(stage, "ACK_S", 0.6)
    monkeypatch.setattr(command, "SCENES", SCENES)
    tills: list[Till] = []

    async def serve(address: str, on_stream: Any) -> Any:
        opened, close = await serve_stream(address, on_stream)
        loop = asyncio.get_running_loop()
        tills.append(await loop.run_in_executor(None, Till, library, opened))
        return opened, close

    try:
        async with asyncio.timeout(90):
            faults = await rehearse("tcp://127.0.0.1:0", serve, Stage(patience_s=2.0), {})
    finally:
        await asyncio.to_thread(tills[0].stop)
    assert {title: found for title, found in faults.items() if found} == {}


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with every access checked."""
    made = tmp_path_factory.mktemp("kit") / "example"
    sources = [str(KIT / "example.c"), str(KIT / "paybox_his.c")]
    flags = [*WARNINGS, "-DACK_MS=50", "-DAGAIN_MS=20", "-DPAUSE_MS=20", *SANITIZED]
    subprocess.run(["gcc", *flags, "-o", str(made), *sources], check=True)
    return made


def body(chance: random.Random) -> bytes:
    """Something like an answer, broken in a few places."""
    said = b'{"type":"result","id":"T1","try":1,"revision":2,"status":"paid","re":"01",'
    said += b'"message":"\\u652f\xc3","x":[{"a":[1,2]},"]"],"long":"'
    said += b"y" * chance.choice((1, 40, 2000)) + b'"}'
    data = bytearray(said)
    for _ in range(chance.randint(0, 6)):
        data[chance.randrange(len(data))] = chance.choice(b'"\\{}[],:u\x81\xfe0z ')
    cut = chance.choice((len(data), chance.randrange(len(data))))
    return bytes(max(b, 32) for b in data[:cut])


class HostileBox:
    """Acknowledges what comes and says anything at all."""

    def __init__(self, stream: Any, chance: random.Random) -> None:
        self._stream = stream
        self._chance = chance
        self._decoder = frames.Decoder(frames.TCP_BODY_BYTES)

    def data_received(self, data: bytes) -> None:
        for event in self._decoder.feed(data, time.monotonic()):
            if isinstance(event, frames.Frame):
                self._stream.write(frames.ack(event.seq))
                for _ in range(20):
                    self._stream.write(self._anything())

    def _anything(self) -> bytes:
        chance = self._chance
        if chance.random() < 0.2:
            return chance.randbytes(chance.choice((1, 9, 9000)))
        return frames.encode(chance.randint(1, 255), body(chance))

    def closed(self) -> None:
        """The client has had enough."""


CALLS = (
    ("pay", "T1", "1", "5", "registration", "title=锅;operator=7", "1"),
    ("query", "T1", "0", "1"),
    ("refund", "R1", "T1", "5", "退", "1"),
)


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
async def test_whatever_a_box_sends_it_stays_in_its_buffers(encoding: str, sanitized: Path) -> None:
    chance = random.Random(encoding)
    opened, close = await serve_stream("tcp://127.0.0.1:0", lambda s: HostileBox(s, chance))
    for words in CALLS:
        process = await asyncio.create_subprocess_exec(
            str(sanitized),
            f"{opened}?encoding={encoding}",
            *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = await asyncio.wait_for(process.communicate(), 30)
        assert complaint == b""
        assert process.returncode in {0, 1}
        assert said
    with contextlib.suppress(TimeoutError):
        await close()
