"""`paybox provision`: the words on the command line; `provisioning` and `office` do the work."""

import argparse
import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from device import config
from device.app.arguments import add_config, parser_of_several
from device.app.provisioning import Taker, wait
from device.clock import SystemClock
from device.config import Config, Hardware
from device.display.panels import make_panel
from device.domain.screens import Refusal
from device.errors import BundleRefused, ConfigError
from device.provisioning import office
from device.provisioning.bundle import LARGEST_VERSION, TRUST_NAME
from device.provisioning.codes import Parts, passphrase_of
from device.provisioning.envelope import LARGEST_ENVELOPE, public_of_box
from device.provisioning.intake import Intake
from device.provisioning.store import RealDisk

BOOT = Path("/boot/firmware")


def _wait(chosen: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    hardware = _hardware(chosen.config, chosen.hardware)
    panel = make_panel(hardware.display, hardware.language)
    panel.start()
    try:
        asyncio.run(wait(chosen.config, chosen.boot, hardware, panel.show))
    finally:
        panel.close()
    return 0


def _hardware(file: Path, given: Path | None) -> Hardware:
    """What the box has: as its configuration says, else the file, else the usual parts."""
    if given is not None:
        return config.load_hardware(given)
    with contextlib.suppress(ConfigError):
        settings: Config = config.load(file)
        return Hardware(settings.box.language, settings.scanner, settings.display)
    return Hardware()


def _install(chosen: argparse.Namespace) -> int:
    passphrase = None
    if chosen.passphrase_file:
        text = config.read_text_secret(chosen.passphrase_file)
        passphrase = passphrase_of(text)
    data = config.read_bounded(chosen.bundle, LARGEST_ENVELOPE)
    title = _taker(chosen.config, chosen.trust).take(Intake(Parts(), data, passphrase or ""))
    if title is None:
        raise BundleRefused(Refusal.SEALED, "需要 --passphrase-file / a passphrase is needed")
    sys.stdout.write(f"已生效 / in force: {title.box} {title.version}\n")
    return 0


def _box_key(chosen: argparse.Namespace) -> int:
    seal_key = _taker(chosen.config, BOOT / TRUST_NAME).seal_key()
    sys.stdout.write(public_of_box(seal_key).hex() + "\n")
    return 0


def _taker(file: Path, first_trust: Path) -> Taker:
    return Taker(file, first_trust, SystemClock(), RealDisk())


SUBCOMMANDS = """\
办公室（院方）：
  keygen DIR      生成签名密钥 provision.key（离线保管）与 provision.pub（放进每张卡的启动分区）
  make            把一台的 paybox.toml 与密钥打成一个签名、加密的配置包，可打印成配置码
  show            查看配置包：属于哪一台、版本、签名是否正确（不显示内容）
扫码墩：
  wait            启动分区有新配置包就采用；尚未配置则显示“请扫描配置码”，等待扫码
  install         由配置包文件采用（在控制台上）
  box-key         显示本机公钥；以后的配置包可只对本机加密（make --to）
  --replace-board 更换主板后，将数据重新绑定到本主板（先停止 paybox run）

例 / example:
  paybox provision keygen office
  paybox provision make -c BOX-0001/paybox.toml --key office/provision.key --out out --codes
  paybox provision wait -c /etc/paybox/paybox.toml
  paybox provision --replace-board -c /etc/paybox/paybox.toml

One signed, sealed bundle for each box: a file on the boot partition, or codes for its scanner.
An older version, another box's bundle and a wrong signature are refused; a power cut while it is
written leaves the old configuration or the new one, whole.
"""


def main(arguments: Sequence[str]) -> int:
    """Run one of the subcommands."""
    chosen = parser_of_several("provision", SUBCOMMANDS, COMMANDS).parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = chosen.run
    return run(chosen)


def _add_keygen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.set_defaults(run=office.keygen)


def _add_make(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--key", type=Path, required=True, help="签名密钥 provision.key")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="输出目录")
    text = "该机公钥，只有它能打开；没有则生成口令 / seal to this box, else a passphrase"
    parser.add_argument("--to", metavar="seal.pub", type=Path, help=text)
    text = "版本，须比上一次大；缺省为当前时间的秒数 / a counter; default: seconds since 1970"
    parser.add_argument("--version", type=_counter, help=text)
    text = "生效时间，如 2026-12-01T00:00+08:00；缺省立即 / from when on it may be used"
    parser.add_argument("--not-before", type=_moment, default=0, metavar="TIME", help=text)
    text = "同时生成可打印的配置码（需要 segno）/ printable codes as well"
    parser.add_argument("--codes", action="store_true", help=text)
    parser.set_defaults(run=office.make)


def _add_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="provision.pbx")
    parser.add_argument("--trust", type=Path, required=True, help="验证公钥 provision.pub")
    parser.set_defaults(run=office.show)


def _add_wait(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    text = "启动分区；缺省 / default: %(default)s"
    parser.add_argument("--boot", metavar="DIR", type=Path, default=BOOT, help=text)
    text = "只含 language、[scanner]、[display] 的文件 / what the box has before it is configured"
    parser.add_argument("--hardware", metavar="FILE", type=Path, help=text)
    parser.set_defaults(run=_wait)


def _add_install(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("bundle", type=Path, metavar="provision.pbx")
    text = "首次配置时的验证公钥；缺省 / default: %(default)s"
    parser.add_argument("--trust", type=Path, default=BOOT / TRUST_NAME, help=text)
    parser.add_argument("--passphrase-file", type=Path, help="passphrase.txt")
    parser.set_defaults(run=_install)


def _add_box_key(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.set_defaults(run=_box_key)


COMMANDS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "keygen": _add_keygen,
    "make": _add_make,
    "show": _add_show,
    "wait": _add_wait,
    "install": _add_install,
    "box-key": _add_box_key,
}


def _counter(text: str) -> int:
    value = int(text)
    if not 0 < value <= LARGEST_VERSION:
        raise argparse.ArgumentTypeError(f"1 to {LARGEST_VERSION}")
    return value


def _moment(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("with its zone, such as 2026-12-01T00:00+08:00")
    return int(moment.timestamp())
