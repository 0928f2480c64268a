"""The `paybox-center` command."""

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from center.config import load
from device.clock import BEIJING
from device.errors import ConfigError

EXIT_CONFIG = 2
HELP = """\
统计中心：接收各扫码墩的流水，供财务查询、统计、对账。
The statistics centre: takes the boxes' journals; finance searches, charts and reconciles.

  paybox-center run -c paybox-center.toml       启动网页服务（首次启动自动建库、建管理员）
  paybox-center demo-data -c paybox-center.toml --days 90 --boxes 50    试用数据
  paybox-center morning -c paybox-center.toml   立即做一次每天早上的事：取对账单、对账
  paybox-center manage -c paybox-center.toml migrate|createsuperuser|...   维护
"""
FIRST_ADMINISTRATOR = "admin"
STATEMENT_DAYS = 14  # of the demonstration; the rest of its days has transactions only


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 2 for a wrong configuration, with one line that says what."""
    arguments = _parser().parse_args(argv)
    try:
        config = load(arguments.config)
        _make_secret(config.secret_key_file)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIG
    os.environ["PAYBOX_CENTER_CONFIG"] = str(Path(arguments.config).absolute())
    os.environ["DJANGO_SETTINGS_MODULE"] = "center.settings"
    if arguments.command == "manage":
        from django.core.management import execute_from_command_line  # noqa: PLC0415

        execute_from_command_line(["paybox-center", *arguments.rest])
        return 0
    _prepare()
    if arguments.command == "demo-data":
        return _demo_data(arguments)
    if arguments.command == "morning":
        from center.statements.command import run  # noqa: PLC0415  after the settings

        return run(config.channels, arguments.as_of)
    from center.server import serve  # noqa: PLC0415  the settings must be there first

    serve(config)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paybox-center", description=HELP, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="run|morning|demo-data|manage"
    )
    run = commands.add_parser("run", help="启动网页服务 / serve")
    manage = commands.add_parser("manage", help="Django 维护命令 / maintenance")
    demo = commands.add_parser("demo-data", help="生成试用数据 / invented transactions to try")
    demo.add_argument("--days", type=int, default=90)
    demo.add_argument("--boxes", type=int, default=50)
    demo.add_argument("--payments", type=int, default=30, help="每台每天约多少笔 / a box and day")
    demo.add_argument("--seed", type=int, default=1)
    morning = commands.add_parser("morning", help="取对账单并对账，一次 / fetch and compare, once")
    morning.add_argument(
        "--as-of",
        type=_moment,
        metavar="YYYY-MM-DD[THH:MM]",
        help="当作此刻（北京时间；只写日期为中午）/ as if it were then, Beijing time",
    )
    for command in (run, morning, manage, demo):
        command.add_argument("-c", "--config", required=True, help="paybox-center.toml")
    manage.add_argument("rest", nargs=argparse.REMAINDER)
    return parser


def _moment(text: str) -> datetime:
    """A time of Beijing; a day alone means its noon, when every statement of the day before is."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("YYYY-MM-DD or YYYY-MM-DDTHH:MM") from None
    if len(text) == len("YYYY-MM-DD"):
        found = found.replace(hour=12)
    return found.astimezone(BEIJING) if found.tzinfo else found.replace(tzinfo=BEIJING)


def _make_secret(path: Path) -> None:
    """The key that signs sessions: made at the first start, readable by its owner only."""
    if path.exists():
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(f"secret_key_file: cannot be made: {error.strerror}") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))


def _prepare() -> None:
    """Bring the database up to date; at the first start make an administrator and say how."""
    import django  # noqa: PLC0415  only now are the settings known

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from center.accounts.models import User  # noqa: PLC0415
    from center.accounts.roles import Role  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0)
    if User.objects.exists():
        return
    password = secrets.token_urlsafe(12)
    User.objects.create_user(FIRST_ADMINISTRATOR, password=password, role=Role.ADMINISTRATOR)
    sys.stdout.write(
        f"首次启动：用户 {FIRST_ADMINISTRATOR}，一次性密码 {password}\n"
        "（只显示这一次，登录后须修改 / shown once, to be changed at the first login）\n"
        f"first start: user {FIRST_ADMINISTRATOR}, one-time password {password}\n"
    )


def _demo_data(arguments: argparse.Namespace) -> int:
    """Fill the database with invented transactions, with a bar that shows how far it is."""
    from center.demo_data import Size, make  # noqa: PLC0415  the settings must be there first
    from center.demo_statements import make_statements  # noqa: PLC0415
    from center.reports.scope import beijing_today  # noqa: PLC0415

    estimate = arguments.days * arguments.boxes * arguments.payments * 2
    done = 0

    def progress(rows: int) -> None:
        nonlocal done
        done += rows
        part = min(1.0, done / estimate)
        bar = "█" * round(30 * part)
        sys.stderr.write(f"\r{bar:<30} {done:,} 行 rows ")

    size = Size(arguments.days, arguments.boxes, arguments.payments, arguments.seed)
    count = make(size, beijing_today(), progress)
    days = make_statements(min(arguments.days, STATEMENT_DAYS), arguments.seed, beijing_today())
    sys.stderr.write("\n")
    sys.stdout.write(f"已生成 {count:,} 行流水，{days} 天对账单与 HIS 清单 / rows and days made\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
