"""What the patient of a story does when the box did not take the code."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from simulators.demo import stories
from simulators.demo.stories import Desk, WentOtherwise


class Phone:
    """Holds a code up; the box's lamp says the next word each time."""

    def __init__(self, lamp: Path, words: list[str]) -> None:
        self.luck: object = None
        self.held = 0
        self._lamp, self._words = lamp, words

    async def show_code(self, wallet: str) -> None:
        """Any code will do."""

    async def present(self) -> None:
        self.present_again()

    def present_again(self) -> None:
        self.held += 1
        if self._words:
            self._lamp.write_text(self._words.pop(0))


def _desk(lamp: Path, at_first: str, *words: str) -> tuple[Desk, Phone]:
    lamp.write_text(at_first)
    phone = Phone(lamp, list(words))
    world: Any = SimpleNamespace(phone=phone, site=SimpleNamespace(lamp=lamp))
    world.cashier = SimpleNamespace(his=None)
    return Desk(world), phone


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stories, "AGAIN_S", 0.02)
    monkeypatch.setattr(stories, "LOOK_EVERY_S", 0.001)


@pytest.mark.parametrize(
    ("at_first", "words", "held"),
    [
        pytest.param("waiting", ["working"], 1, id="taken at once"),
        pytest.param("waiting", ["rescan", "rescan", "paid"], 3, id="too soon twice"),
        pytest.param("waiting", ["declined"], 1, id="declined is an answer"),
        pytest.param("declined", ["declined", "rescan", "working"], 3, id="another code"),
    ],
)
async def test_a_code_that_came_too_soon_is_held_up_again(
    tmp_path: Path, at_first: str, words: list[str], held: int
) -> None:
    desk, phone = _desk(tmp_path / "lamp", at_first, *words)

    await desk.show("wechat")

    assert phone.held == held


async def test_a_box_that_takes_no_code_ends_the_story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stories, "PATIENCE_S", 0.1)
    desk, _ = _desk(tmp_path / "lamp", "waiting")

    with pytest.raises(WentOtherwise, match="没有收下"):
        await desk.show("wechat")
