"""`paybox factory-reset`: asks, stops the desk and marks the card; the next start wipes it."""

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from device import config
from device.app.arguments import add_config, parser_of
from device.app.building import JOURNAL_FILE
from device.errors import ConfigError, ResetRefused, StorageError
from device.factory_reset import (
    DONE,
    MOST_DONE,
    Losses,
    RealDisk,
    begin,
    finish,
    has_begun,
    word,
)
from device.journal import reads
from device.journal.connection import open_read_only
from device.provisioning.envelope import BUNDLE_NAME
from device.update.card import DATA, RealCard
from device.update.install import TRIAL_FILE, TRIED_FILE
from device.update.slots import FILE as SLOTS_FILE

BOOT = Path("/boot/firmware")
REQUEST = "factory-reset.txt"
RUNNING = Path("/run/paybox/slot")
SYSTEMCTL = "/usr/bin/systemctl"
JOURNAL_FOLDER = "paybox"  # of the data partition; /var/lib/paybox on the card
KEPT = (SLOTS_FILE, TRIAL_FILE, TRIED_FILE, DONE, "lost+found")
LARGEST_REQUEST = 1024  # bytes
DESCRIPTION = """\
卡镜像：恢复出厂，擦除本机的流水、密钥、配置与日志，随即重启，显示“请扫描配置码”。
有未了结的收款或统计中心尚未收到的流水时拒绝，除非输入屏幕上提示的那一句。
没有控制台时：在启动分区放 factory-reset.txt，第一行写那一句，第二行写日期，插卡上电。

On the card: wipes payments, keys, settings and logs, restarts, and asks for its provisioning
codes. Refused while a payment is not settled or events are not at the statistics centre, unless the
words that it asks for are typed. A power cut changes nothing, or the next start ends the wipe.
"""


def main(arguments: Sequence[str]) -> int:
    """Ask and mark, or (at a start) wipe; ResetRefused: nothing was changed."""
    parser = parser_of("factory-reset", DESCRIPTION)
    add_config(parser)
    text = "确认的那一句；不给则询问 / the words, else they are asked for"
    parser.add_argument("--word", metavar="WORDS", help=text)
    text = "开机时由系统调用 / by the system, at a start"
    parser.add_argument("--at-start", action="store_true", help=text)
    chosen = parser.parse_args(arguments)
    if not RUNNING.exists():
        raise ResetRefused("不是整卡镜像，未改动 / not a card of ours, left as it is")
    return _at_start(chosen.config) if chosen.at_start else _by_hand(chosen.config, chosen.word)


def _by_hand(file: Path, given: str | None) -> int:
    box_id, losses = _look(file)
    wanted = word(box_id, losses)
    _say(_told(losses))
    typed = given if given is not None else _asked(wanted)
    if typed.strip() != wanted:
        raise ResetRefused(f"未输入 {wanted!r}，未改动 / not typed, left as it is")
    stopped = _systemctl("stop", "paybox.service")  # waits for a running payment
    after = _look(file)[1]
    if not stopped or word(box_id, after) != wanted:
        _systemctl("start", "paybox.service")
        raise ResetRefused(f"未改动 / left as it is: {_told(after)}")
    begin(DATA, RealDisk())
    _say("已确认，重启后擦除 / agreed, wiped at the restart")
    if not _systemctl("reboot"):
        _say("请断电再上电 / pull the plug and put it back")
    return 0


def _asked(wanted: str) -> str:
    sys.stderr.write(f"输入 {wanted} 以继续 / type it to go on: ")
    sys.stderr.flush()
    return sys.stdin.readline()


def _at_start(file: Path) -> int:
    if not has_begun(DATA) and not _requested(file):
        return 0
    try:
        count = finish(DATA, KEPT, RealDisk())
    except OSError as error:
        raise ResetRefused(f"擦除未完成，请换卡 / not finished: {error.strerror}") from None
    _say(f"已恢复出厂，擦除 {count} 个文件 / in the factory state, {count} files wiped")
    if (BOOT / BUNDLE_NAME).exists():
        _say(f"启动分区上还有 {BUNDLE_NAME} / it is still on the boot partition")
    return 0


def _requested(file: Path) -> bool:
    """Whether the boot partition asks for it; each request is obeyed once, whatever it leads to.

    It is remembered before the mark is set: a power cut between them leaves a box that works.
    """
    try:
        text = config.read_bounded(BOOT / REQUEST, LARGEST_REQUEST)
    except ConfigError:
        return False
    card, digest = RealCard({}, DATA), hashlib.sha256(text).hexdigest()
    done = card.note(DONE).split()
    if digest in done:
        return False
    wanted, typed = word(*_look(file)), text.decode("utf-8-sig", "replace").strip().split("\n")[0]
    if typed.strip() != wanted:
        _say(f"{REQUEST}: 未执行，须写 / not done, it must say: {wanted}")
        return False
    card.set_note(DONE, "\n".join([*done, digest][-MOST_DONE:]) + "\n")
    begin(DATA, RealDisk())
    return True


def _look(file: Path) -> tuple[str, Losses]:
    """Return the box's id, if it is known, and what would be lost."""
    try:
        box = config.load(file).box
    except ConfigError:
        return "", _losses(DATA / JOURNAL_FOLDER / JOURNAL_FILE)
    return box.id, _losses(box.data_dir / JOURNAL_FILE)


def _losses(path: Path) -> Losses:
    if not path.exists():
        return Losses()
    try:
        db = open_read_only(path)
        with closing(db):
            return Losses(len(reads.unsettled(db, lambda _row: None)), reads.backlog(db, 1).waiting)
    except (StorageError, sqlite3.Error):
        return Losses(unreadable=True)


def _told(losses: Losses) -> str:
    if not losses:
        return "流水已了结并已上传 / every payment is settled and at the statistics centre"
    lines = [
        (losses.open_payments, f"未了结 {losses.open_payments} 笔 / not settled"),
        (losses.waiting, f"统计中心未收到 {losses.waiting} 条 / events only here"),
        (losses.unreadable, "流水读不出 / the journal cannot be read"),
    ]
    return "将丢失 / would be lost: " + "; ".join(line for counts, line in lines if counts)


def _systemctl(*words: str) -> bool:
    return subprocess.run([SYSTEMCTL, *words], check=False).returncode == 0  # noqa: S603  constants


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
