import asyncio
import sys
from pathlib import Path

import pytest

from device.domain.screens import Signal
from device.drivers import paid_sound
from device.drivers.paid_sound import PaidSound

PLAYS = (sys.executable, "-c", "import sys; open(sys.argv[1], 'a').write('played ')")


class Lamp:
    def __init__(self) -> None:
        self.said: list[Signal] = []
        self.working = True
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def signal(self, signal: Signal) -> None:
        self.said.append(signal)


async def finished(sound: PaidSound) -> None:
    assert sound._playing
    await sound._playing


async def test_the_file_is_played_at_paid_and_only_then(tmp_path: Path) -> None:
    file, lamp = tmp_path / "paid.wav", Lamp()
    sound = PaidSound(lamp, file, PLAYS)
    for signal in Signal:
        sound.signal(signal)
    await finished(sound)
    assert file.read_text() == "played "
    assert lamp.said == list(Signal)


async def test_the_same_signal_again_plays_nothing(tmp_path: Path) -> None:
    file = tmp_path / "paid.wav"
    sound = PaidSound(Lamp(), file, PLAYS)
    sound.signal(Signal.PAID)
    await finished(sound)
    sound.signal(Signal.PAID)
    await finished(sound)
    assert file.read_text() == "played "


@pytest.mark.parametrize("player", [("/no/such/player",), (sys.executable, "-c", "1 / 0")])
async def test_a_player_that_is_missing_or_fails_is_one_line_and_nothing_else(
    player: tuple[str, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lamp = Lamp()
    sound = PaidSound(lamp, tmp_path / "paid.wav", player)
    for _ in range(2):
        sound.signal(Signal.PAID)
        await finished(sound)
        sound.signal(Signal.IDLE)
    assert lamp.said == [Signal.PAID, Signal.IDLE] * 2
    assert len(caplog.records) == 1


async def test_a_player_that_hangs_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paid_sound, "LONGEST_S", 0.05)
    sleeps = (sys.executable, "-c", "import time; time.sleep(60)")
    sound = PaidSound(Lamp(), tmp_path / "paid.wav", sleeps)
    sound.signal(Signal.PAID)
    async with asyncio.timeout(10):
        await finished(sound)


async def test_one_sound_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "paid.wav"
    sound = PaidSound(Lamp(), file, PLAYS)
    sound.signal(Signal.PAID)
    first = sound._playing
    sound.signal(Signal.IDLE)
    sound.signal(Signal.PAID)
    assert sound._playing is first
    await finished(sound)
    assert file.read_text() == "played "


def test_how_the_lamp_is_and_its_end_are_the_lamp_s(tmp_path: Path) -> None:
    lamp = Lamp()
    sound = PaidSound(lamp, tmp_path / "paid.wav", PLAYS)
    lamp.working = False
    assert not sound.working
    sound.close()
    assert lamp.closed
