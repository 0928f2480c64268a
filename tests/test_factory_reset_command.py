"""`paybox factory-reset`: what it asks before it begins, and what the next start makes of it."""

import asyncio
import io
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from device import config
from device.__main__ import main
from device.app import factory_reset_command as command
from device.app.building import JOURNAL_FILE
from device.factory_reset import DONE, MARK, RealDisk, has_begun
from device.journal import Inline, SqliteJournal
from tests.conftest import WriteConfig
from tests.journal.conftest import FakeClock, Records


@dataclass
class Card:
    """A data partition, a boot partition, and what systemd was asked."""

    data: Path
    boot: Path
    file: Path
    asked: list[str] = field(default_factory=list)
    meanwhile: bool = False
    """A patient pays while the box is stopped."""

    @property
    def journal(self) -> Path:
        return config.load(self.file).box.data_dir / JOURNAL_FILE

    def systemctl(self, *words: str) -> bool:
        self.asked.append(" ".join(words))
        if words[0] == "stop" and self.meanwhile:
            self.pays(2)
        return True

    def pays(self, number: int, *, known: bool = False) -> None:
        """Leave a payment in doubt, or (`known`) one that the centre has."""
        asyncio.run(self._pays(number, known=known))

    async def _pays(self, number: int, *, known: bool) -> None:
        journal = await SqliteJournal.open(self.journal, FakeClock(), Inline(), box="BOX-0001")
        await journal.commit(Records().intended(number))
        if known:
            await journal.commit(Records().paid(number))
        waiting = await journal.backlog(1)
        if known:
            await journal.acknowledge(waiting.epoch, waiting.end)
        await journal.aclose()

    def run(self, *words: str) -> int:
        return main(["factory-reset", "-c", str(self.file), *words])


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_config: WriteConfig) -> Card:
    data, boot = tmp_path / "partition", tmp_path / "boot"
    for folder in (data / "paybox", data / "settings", boot):
        folder.mkdir(parents=True)
    written = write_config({"box": {"data_dir": str(data / "paybox")}})
    (data / "slots").write_text("good=b\n")
    (data / "settings/wechat.key").write_text("secret")
    found = Card(data, boot, written)
    (tmp_path / "slot").write_text("b\n")
    monkeypatch.setattr(command, "DATA", data)
    monkeypatch.setattr(command, "BOOT", boot)
    monkeypatch.setattr(command, "RUNNING", tmp_path / "slot")
    monkeypatch.setattr(command, "_systemctl", found.systemctl)
    return found


def test_what_was_agreed_is_wiped_at_the_next_start(
    card: Card, capsys: pytest.CaptureFixture[str]
) -> None:
    card.pays(1, known=True)
    (card.boot / "provision.pbx").write_bytes(b"bundle")
    assert card.run("--word", "RESET BOX-0001") == 0
    assert card.asked == ["stop paybox.service", "reboot"]
    assert card.journal.exists()
    assert card.run("--at-start") == 0
    told = capsys.readouterr().out
    assert "擦除 2 个文件" in told
    assert "provision.pbx" in told
    assert [path.name for path in card.data.rglob("*") if path.is_file()] == ["slots"]
    assert (card.run("--at-start"), card.asked[2:]) == (0, [])


def test_the_words_are_asked_for(
    card: Card, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("RESET BOX-0001\n"))
    assert card.run() == 0
    assert "RESET BOX-0001" in capsys.readouterr().err
    assert has_begun(card.data)


@pytest.mark.parametrize("typed", ["", "yes", "RESET BOX-0002", "RESET BOX-0001"])
def test_other_words_change_nothing_and_the_box_goes_on(
    card: Card, typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    card.pays(1)
    assert card.run("--word", typed) == 1
    told = capsys.readouterr()
    assert "未了结 1 笔" in told.out
    assert "统计中心未收到 1 条" in told.out
    assert "LOSE BOX-0001" in told.err
    assert (card.asked, has_begun(card.data)) == ([], False)


def test_payments_are_lost_only_by_the_words_that_say_so(card: Card) -> None:
    card.pays(1)
    assert card.run("--word", "LOSE BOX-0001") == 0
    assert has_begun(card.data)


def test_a_payment_that_comes_while_the_box_stops_takes_the_agreement_back(card: Card) -> None:
    card.meanwhile = True
    card.pays(1, known=True)
    assert card.run("--word", "RESET BOX-0001") == 1
    assert card.asked == ["stop paybox.service", "start paybox.service"]
    assert not has_begun(card.data)


def test_a_journal_that_cannot_be_read_may_hold_anything(card: Card) -> None:
    card.journal.write_bytes(b"not a journal" * 1000)
    assert card.run("--word", "RESET BOX-0001") == 1
    assert card.run("--word", "LOSE BOX-0001") == 0


def test_a_configuration_that_cannot_be_read_names_no_box(card: Card) -> None:
    card.pays(1)
    card.file.unlink()
    assert card.run("--word", "RESET") == 1
    assert card.run("--word", "LOSE") == 0


def test_a_machine_that_is_no_card_is_left_alone(
    card: Card, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "RUNNING", card.data / "no such file")
    assert card.run("--word", "RESET BOX-0001") == 1
    assert "not a card" in capsys.readouterr().err


def ask(card: Card, text: bytes) -> int:
    (card.boot / command.REQUEST).write_bytes(text)
    return card.run("--at-start")


@pytest.mark.parametrize(
    "text", [b"RESET BOX-0001", b"\xef\xbb\xbfRESET BOX-0001\r\n2026-11-26\r\n"]
)
def test_a_file_on_the_boot_partition_asks_as_well_and_once(card: Card, text: bytes) -> None:
    assert ask(card, text) == 0
    assert not (card.data / "settings/wechat.key").exists()
    (card.data / "settings/wechat.key").write_text("of the box that was provisioned next")
    assert card.run("--at-start") == 0
    assert (card.data / "settings/wechat.key").exists()
    assert ask(card, b"RESET BOX-0001\nanother day") == 0
    assert not (card.data / "settings/wechat.key").exists()


def test_a_file_with_other_words_is_told_and_changes_nothing(
    card: Card, capsys: pytest.CaptureFixture[str]
) -> None:
    card.pays(1)
    assert ask(card, b"RESET BOX-0001") == 0
    assert "LOSE BOX-0001" in capsys.readouterr().out
    assert (has_begun(card.data), card.journal.exists()) == (False, True)


def test_a_cut_between_remembering_and_marking_leaves_a_box_that_works(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCutError(Exception):
        pass

    def cut(*_: object) -> None:
        raise PowerCutError

    monkeypatch.setattr(command, "begin", cut)
    with pytest.raises(PowerCutError):
        ask(card, b"RESET BOX-0001")
    monkeypatch.undo()
    monkeypatch.setattr(command, "DATA", card.data)
    assert (card.data / DONE).exists()
    assert not (card.data / MARK).exists()


def test_a_disk_that_fails_is_told_and_the_next_start_tries_again(
    card: Card, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    card.run("--word", "RESET BOX-0001")
    with monkeypatch.context() as broken:
        broken.setattr(RealDisk, "remove", _broken)
        assert card.run("--at-start") == 1
    assert "请换卡" in capsys.readouterr().err
    assert card.run("--at-start") == 0
    assert not has_begun(card.data)


def _broken(*_: object) -> None:
    raise OSError(5, "Input/output error")
