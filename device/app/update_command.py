"""`paybox update`: the words on the command line; `device.update` judges and does the work."""

import argparse
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from device import __version__, config
from device.app.arguments import add_config, parser_of_several
from device.app.building import JOURNAL_FILE
from device.config import Config
from device.errors import ConfigError, StorageError, UpdateRefused
from device.health import vpn_is_up
from device.journal import reads, versions
from device.journal.connection import open_read_only
from device.journal.verify import whole
from device.update import install as installing
from device.update import make as making
from device.update.card import RealCard, slot_devices
from device.update.judge import Look, Standing, faults, judge
from device.update.manifest import read_head
from device.update.slots import FILE, Slots, other

TRUST = Path("/usr/share/paybox/update.pub")
RUNNING = Path("/run/paybox/slot")
SYSTEMCTL = "/usr/bin/systemctl"
GATE_PATIENCE_S = 300  # the slowest board is ready long before; the unit gives up at 420
LOOK_EVERY_S = 2.0
QUIET_PATIENCE_S = 3600  # --restart: a desk has a minute without a payment within an hour
DESCRIPTION = """\
扫码墩：
  install FILE   验证升级包并写入另一分区，重启后试运行一次。
                 有未完成的收款、版本过低、签名不符时拒绝
  confirm        试运行的版本是否可用：程序就绪、流水完整、专网如前。
                 不可用则失败，单元随即重启回旧版本
制作：
  keygen DIR     生成发布签名密钥 update.key（离线保管）与 update.pub（放进映像）
  make           由根映像制作升级包

A signed release is written to the other slot, tried once, and kept only if the box works with it. A
power cut at any step leaves the old release or the new one, whole.
"""


def main(arguments: Sequence[str]) -> int:
    """Run one of the subcommands."""
    chosen = parser_of_several("update", DESCRIPTION, COMMANDS).parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = chosen.run
    return run(chosen)


def _install(chosen: argparse.Namespace) -> int:
    settings = config.load(chosen.config)
    path = settings.box.data_dir / JOURNAL_FILE
    card = RealCard(slot_devices())
    running = RUNNING.read_text(encoding="ascii").strip()
    with _opened(chosen.bundle) as bundle:
        manifest = read_head(bundle, config.read_key(chosen.trust))
        if chosen.once and (
            manifest.version == __version__ or installing.was_tried(card, manifest.sha256)
        ):
            return _say(f"{manifest.version}: 已在运行或已试过 / running, or tried before")
        if chosen.restart:
            _wait_until_nobody_pays(path)
        judge(manifest, _standing(card, running, path))
        up = vpn_is_up(settings.network.vpn_interface)
        installing.install(card, manifest, bundle, other(running), vpn_was_up=up)
    _say(f"{manifest.version}: 已写入，重启后试运行 / written, tried at the next start")
    if chosen.restart:
        _wait_until_nobody_pays(path)
        subprocess.run([SYSTEMCTL, "reboot"], check=True)  # noqa: S603  a constant
    return 0


def _opened(bundle: Path) -> BinaryIO:
    try:
        return bundle.open("rb")
    except OSError as error:
        raise ConfigError(f"{bundle}: {error.strerror}") from None


def _standing(card: RealCard, running: str, path: Path) -> Standing:
    applied, payment_open = _journal(path)
    return Standing(
        version=__version__,
        kernel=os.uname().release,
        running=running,
        slots=Slots.parse(card.note(FILE)),
        known=versions.NAMES,
        applied=applied,
        additive=versions.is_additive,
        payment_open=payment_open,
    )


def _journal(path: Path) -> tuple[list[str], bool]:
    if not path.exists():
        return [], False
    try:
        db = open_read_only(path)
        with closing(db):
            return versions.applied(db), reads.payment_open(db)
    except sqlite3.Error as error:
        raise StorageError(f"journal: {error}") from None


def _wait_until_nobody_pays(path: Path) -> None:
    until = time.monotonic() + QUIET_PATIENCE_S
    while _journal(path)[1] and time.monotonic() < until:
        time.sleep(LOOK_EVERY_S)


def _confirm(chosen: argparse.Namespace) -> int:
    card = RealCard({})
    slots = Slots.parse(card.note(FILE) or Slots().text())
    if not slots.trial or RUNNING.read_text(encoding="ascii").strip() != slots.trial:
        return _say("没有试运行的版本 / nothing is on trial")
    was_up = installing.trial_of(card).vpn_was_up
    until = time.monotonic() + GATE_PATIENCE_S
    while found := faults(_look(chosen.config), vpn_was_up=was_up):
        if time.monotonic() > until:
            raise UpdateRefused("; ".join(found))
        time.sleep(LOOK_EVERY_S)
    installing.keep(card)
    return _say(f"{__version__}: 保留 / kept")


def _look(file: Path) -> Look:
    if not file.exists():  # a card that nobody has configured yet: it must ask for its codes
        return Look(_state("paybox-provision.service") == "activating", "", vpn_up=True)
    try:
        settings = config.load(file)
    except ConfigError as error:
        return Look(ready=False, journal_fault=str(error), vpn_up=True)
    up = vpn_is_up(settings.network.vpn_interface)
    return Look(_state("paybox.service") == "active", _journal_fault(settings), up)


def _state(unit: str) -> str:
    command = [SYSTEMCTL, "is-active", unit]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603  constants


def _journal_fault(settings: Config) -> str:
    path = settings.box.data_dir / JOURNAL_FILE
    if not path.exists():
        return ""
    try:
        with closing(open_read_only(path)) as db:
            return next(iter(whole(db).faults), "")
    except (StorageError, sqlite3.Error) as error:
        return str(error)


def _keygen(chosen: argparse.Namespace) -> int:
    making.keygen(chosen.folder)
    return 0


def _make(chosen: argparse.Namespace) -> int:
    key = config.read_key(chosen.key)
    release = making.Release(chosen.version, chosen.kernel, versions.NAMES)
    manifest = making.make(chosen.root, chosen.out, key, release)
    return _say(f"{chosen.out}: {manifest.version}, {manifest.size} bytes, {manifest.sha256}")


def _say(line: str) -> int:
    sys.stdout.write(line + "\n")
    return 0


def _add_install(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("bundle", type=Path, metavar="FILE")
    text = "发布公钥；缺省 / default: %(default)s"
    parser.add_argument("--trust", type=Path, default=TRUST, help=text)
    text = "已在运行或试过的不再装 / not what is running or was tried"
    parser.add_argument("--once", action="store_true", help=text)
    text = "无人付款时重启 / restart when nobody pays"
    parser.add_argument("--restart", action="store_true", help=text)
    parser.set_defaults(run=_install)


def _add_confirm(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.set_defaults(run=_confirm)


def _add_keygen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.set_defaults(run=_keygen)


def _add_make(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", type=Path, required=True, help="根映像 / the root image")
    parser.add_argument("--key", type=Path, required=True, help="update.key")
    parser.add_argument("--kernel", required=True, help="uname -r")
    parser.add_argument("--version", default=__version__, help="版本；缺省 / default: %(default)s")
    parser.add_argument("--out", type=Path, required=True, help="update.pbu")
    parser.set_defaults(run=_make)


COMMANDS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "install": _add_install,
    "confirm": _add_confirm,
    "keygen": _add_keygen,
    "make": _add_make,
}
