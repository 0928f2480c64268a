"""`paybox check --lamp`: every light and sound is played once and named."""

from dataclasses import replace
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory
from PIL import Image

from device import config as configuration
from device.app import lamp_trial
from device.app.lamp_trial import try_lamp
from device.config import Config, Display, Lamp
from device.domain.screens import Signal
from device.drivers.signals import SAYINGS


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "box.key").write_bytes(bytes(32))
    file = tmp_path / "paybox.toml"
    file.write_text(
        '[box]\nid = "B"\ndesk = "D"\ndesk_code = "DESK"\ndata_dir = "data"\nkey_file = "box.key"\n'
        '[his]\nlink = "tcp"\n[his.tcp]\n[channels.wechat]\nappid = "a"\nmch_id = "m"\n'
    )
    display = Display(driver="png", path=tmp_path / "screen.png")
    return replace(
        configuration.load(file),
        display=display,
        lamp=Lamp(driver="file", path=tmp_path / "lamp.txt"),
    )


async def test_every_signal_is_played_and_named(config: Config) -> None:
    said: list[str] = []
    parts = await try_lamp(config, said.append, 0.01)
    assert said == [SAYINGS[signal] for signal in Signal]
    assert [(p.part, p.state) for p in parts] == [("display", "ok"), ("lamp", "ok")]
    assert config.lamp.path.read_text() == f"{list(Signal)[-1]}\n"
    with Image.open(config.display.path) as picture:
        assert picture.size == (128, 64)


async def test_the_button_is_tried_as_well(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = MockFactory()
    monkeypatch.setattr(lamp_trial, "open_pins", lambda _: pins)
    wired = replace(config, lamp=Lamp())
    parts = await try_lamp(wired, lambda _: None, 0.01)
    assert [(p.part, p.state) for p in parts][1:] == [("lamp", "ok"), ("button", "warn")]

    def press(line: str) -> None:
        if line == SAYINGS[Signal.PAID]:
            pins.pin(wired.lamp.cancel_button).drive_low()

    parts = await try_lamp(wired, press, 0.01)
    assert parts[-1].text == "取消键按了 1 次"
    pins.close()


async def test_what_is_missing_is_told(config: Config) -> None:
    bare = replace(config, lamp=Lamp(driver="none"), display=Display(driver="none"))
    parts = await try_lamp(bare, lambda _: None, 0.0)
    assert [(p.part, p.state) for p in parts] == [("display", "warn"), ("lamp", "warn")]


async def test_a_machine_without_pins_has_no_lamp_and_no_button(config: Config) -> None:
    parts = await try_lamp(replace(config, lamp=Lamp()), lambda _: None, 0.0)
    assert [(p.part, p.state) for p in parts][1:] == [("lamp", "warn"), ("button", "fail")]


async def test_a_lamp_that_fails_on_the_way_is_told(config: Config, tmp_path: Path) -> None:
    lamp = Lamp(driver="file", path=tmp_path / "no" / "lamp.txt")
    parts = await try_lamp(replace(config, lamp=lamp), lambda _: None, 0.0)
    assert (parts[1].part, parts[1].state) == ("lamp", "fail")
