"""The `paybox` command. Each part is imported by the command that needs it: help is instant."""

import argparse
import gc
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from device.errors import ConfigError, PayboxError

EXIT_FAILED = 1
EXIT_WRONG_CONFIGURATION = 2
EXIT_INTERRUPTED = 130  # what shells give for Ctrl-C

JOURNAL_FILE = "journal.sqlite3"  # under data_dir


def run(arguments: Sequence[str]) -> int:
    """Run the firmware until SIGTERM."""
    _start_quickly()
    try:
        return _run(arguments)
    finally:
        gc.enable()


def _run(arguments: Sequence[str]) -> int:
    from device import config

    text = "运行扫码墩主程序，就绪后打印一行 ready ... / Run the firmware."
    chosen = _config_parser("run", text).parse_args(arguments)
    settings = config.load(chosen.config)  # a wrong file is told before anything heavy is imported

    from device import app

    return app.run(settings)


def _start_quickly() -> None:
    """Spare what no box needs before it is ready.

    Nothing that is imported is garbage: looking for some takes a fifth of the start (`device.app`
    turns the collector on again). And httpx brings a command line along wherever click and rich
    happen to be installed, 60 ms and 5 MB; where it cannot be imported, httpx goes without.
    """
    gc.disable()
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # as importlib documents


def check(arguments: Sequence[str]) -> int:
    """Diagnose part by part without side effects: 0 good, 1 warnings, 2 failures."""
    from device import config

    parser = _config_parser(
        "check",
        "逐项自检，无任何副作用，不产生交易。退出码 0 正常，1 警告，2 故障。\n"
        "Diagnosis part by part, without side effects. Exit code 0 ok, 1 warn, 2 fail.",
    )
    parser.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    text = "只试扫一个码：字符数、毫秒、后缀（不收款，先停止 paybox run）/ try the scanner"
    parser.add_argument("--scan", action="store_true", help=text)
    text = "只演示每种灯与声音，名称写在屏幕上（先停止 paybox run）/ play every light and sound"
    parser.add_argument("--lamp", action="store_true", help=text)
    chosen = parser.parse_args(arguments)
    settings = config.load(chosen.config)

    from device import app

    trial = app.check_scan if chosen.scan else app.check_lamp
    look = trial if chosen.scan or chosen.lamp else app.check
    return look(settings, as_json=chosen.json)


def journal(arguments: Sequence[str]) -> int:
    """Look into the journal; what to look at is the journal command's own to read."""
    from device import config

    parser = _config_parser(
        "journal",
        "查看流水：list 列表，show 明细，verify 校验哈希链与金额，export 导出。\n"
        "Look into the journal. More: paybox journal -c FILE list --help",
    )
    parser.add_argument("what", nargs=argparse.REMAINDER, metavar="list|show|verify|export ...")
    chosen = parser.parse_args(arguments)
    path = config.load(chosen.config).box.data_dir / JOURNAL_FILE

    from device.journal import command

    return command.main(chosen.what, path)


def his(arguments: Sequence[str]) -> int:
    """Be a HIS for one request."""
    from device import app
    from device.his_link import client

    return client.main(list(arguments), app.open_his_stream)


def tap(arguments: Sequence[str]) -> int:
    """Show what an unknown HIS sends to a display or announcer."""
    from device import app
    from device.his_link import tap as command

    return command.main(arguments, app.make_port)


def rehearse(arguments: Sequence[str]) -> int:
    """Be a box that has bad luck, for a HIS programmer."""
    from device import app
    from device.his_link.rehearsal import command

    return command.main(arguments, app.serve_stream)


def provision(arguments: Sequence[str]) -> int:
    """Give a box its configuration, or bind its data to another board."""
    if "--replace-board" in arguments:
        return _replace_board(arguments)
    from device.app import provision_command

    return provision_command.main(arguments)


def _replace_board(arguments: Sequence[str]) -> int:
    from device import config

    parser = _config_parser(
        "provision",
        "更换主板后，将数据重新绑定到本主板（先停止 paybox run）。\n"
        "Bind the data to this board after the old one was replaced; stop paybox run first.",
    )
    text = "绑定到本主板 / bind to this board"
    parser.add_argument("--replace-board", action="store_true", required=True, help=text)
    settings = config.load(parser.parse_args(arguments).config)

    from device import app

    return app.replace_board(settings)


def update(arguments: Sequence[str]) -> int:
    """Install a release, confirm one on trial, make one."""
    from device.app import update_command

    return update_command.main(arguments)


def factory_reset(arguments: Sequence[str]) -> int:
    """Wipe a card back to its factory state."""
    from device.app import factory_reset_command

    return factory_reset_command.main(arguments)


def network(arguments: Sequence[str]) -> int:
    """Write the card's network for systemd."""
    from device.app import network_command

    return network_command.main(arguments)


def keygen(arguments: Sequence[str]) -> int:
    """Make the three keys of a new box."""
    from device.app import keygen_command

    return keygen_command.main(arguments)


def _installed(name: str) -> Callable[[Sequence[str]], int]:
    """Return the command that another installed package offers under this name."""

    def command(arguments: Sequence[str]) -> int:
        from importlib.metadata import entry_points

        for found in entry_points(group="paybox.commands", name=name):
            try:
                main = found.load()
            except ModuleNotFoundError as error:
                if not f"{found.module}.".startswith(f"{error.name}."):
                    raise  # the command is there; something it needs is not
                break
            return int(main(list(arguments)))
        return _complain(f"paybox {name}: 未安装模拟器 / the simulators are not installed")

    return command


@dataclass(frozen=True, slots=True)
class Command:
    """One line of the help and what stands behind it."""

    run: Callable[[Sequence[str]], int]
    usage: str
    chinese: str
    english: str


COMMANDS = {
    "demo": Command(
        _installed("demo"),
        "demo [--headless] [--port N]",
        "在本机演示整套流程：扫码墩、两家支付网关、收费窗口网页，均为模拟，不动真钱",
        "the whole desk with simulated hardware and providers; no real money",
    ),
    "run": Command(run, "run -c FILE", "运行扫码墩", "the firmware"),
    "check": Command(
        check,
        "check -c FILE [--json] [--scan|--lamp]",
        "逐项自检，无副作用",
        "diagnosis, no side effects",
    ),
    "journal": Command(
        journal, "journal -c FILE list|show|verify|export", "查看与校验流水", "the journal"
    ),
    "his": Command(
        his,
        "his ADDRESS TYPE key=value...",
        "在命令行上扮演 HIS，供接口联调",
        "a HIS on the command line, for integrators",
    ),
    "rehearse": Command(
        rehearse,
        "rehearse ADDRESS [--key FILE]",
        "扮演一台运气不好的扫码墩，检验 HIS 的程序",
        "a box that has bad luck on purpose, to try a HIS on",
    ),
    "tap": Command(
        tap,
        "tap PORT [--baudrate N] [--seconds S]",
        "看一看 HIS 向客显或语音报价器发什么，给出合适的配置",
        "what an unknown HIS sends to a display or announcer, and what fits it",
    ),
    "gateway": Command(
        _installed("gateway"),
        "gateway --port N [--scenario FILE]",
        "模拟微信与支付宝网关，可编排故障",
        "both provider gateways, emulated",
    ),
    "simulate": Command(
        _installed("simulate"),
        "simulate [--seeds A..B]",
        "按种子推演：真实程序、虚拟时钟、各种故障，逐条核对资金规则",
        "the deterministic world: faults by seed, every money rule judged",
    ),
    "provision": Command(
        provision,
        "provision keygen|make|show|wait|install ...",
        "签名加密的配置包：制作、打印成码、由扫码墩扫入；更换主板（--replace-board）",
        "a signed, sealed bundle for a box, as a file or as codes; a new board",
    ),
    "update": Command(
        update,
        "update install|confirm|keygen|make ...",
        "卡镜像：签名的新版本写入另一分区，试运行一次，不可用则退回",
        "on the card: a signed release in the other slot, tried once",
    ),
    "network": Command(
        network,
        "network -c FILE",
        "卡镜像：把配置里的网络写给系统（开机时自动运行）",
        "on the card: the network of the configuration, for systemd",
    ),
    "factory-reset": Command(
        factory_reset,
        "factory-reset -c FILE [--word WORDS]",
        "卡镜像：恢复出厂，擦除流水、密钥与配置；有未了结或未上传的流水时须输入确认的一句",
        "on the card: wipes payments, keys and settings",
    ),
    "keygen": Command(keygen, "keygen DIR", "为新扫码墩生成密钥", "keys for a new box"),
}

HELP = """\
扫码墩 paybox：医院收费窗口的微信、支付宝付款码收款终端。
A payment box for hospital cashier desks: WeChat and Alipay payment codes.

用法 / usage: paybox COMMAND ...    （每个命令都有 --help / each has --help）

{commands}

第一次使用 / first steps:
  paybox demo                     看一遍完整的收款、撤销、退款
  paybox keygen /etc/paybox       为新设备生成密钥
  paybox check -c paybox.toml     检查配置、扫码枪、屏幕、网络、两家支付渠道
  paybox run -c paybox.toml       开始收款
  paybox his tcp://127.0.0.1:7601 pay id=T1 amount=12.34 business=outpatient_fee

配置有误时退出码为 2，并用一行说明文件、键、错误和允许的取值。
A wrong configuration exits with 2 and one line: the file, the key, what is wrong, what is allowed.
"""


def _help(_arguments: Sequence[str]) -> int:
    rows = (f"  {c.usage}\n      {c.chinese}\n      {c.english}" for c in COMMANDS.values())
    print(HELP.format(commands="\n".join(rows)), end="")
    return 0


def _version(_arguments: Sequence[str]) -> int:
    from device import __version__  # the card has the code alone, no installed package

    print("paybox", __version__)
    return 0


_ASK_HELP = Command(_help, "--help", "本说明", "this text")
QUESTIONS = {
    "-h": _ASK_HELP,
    "--help": _ASK_HELP,
    "--version": Command(_version, "--version", "版本", "the version"),
}


def _parser(name: str, description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=f"paybox {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _config_parser(name: str, description: str) -> argparse.ArgumentParser:
    parser = _parser(name, description)
    text = "配置文件 paybox.toml / the configuration"
    parser.add_argument("-c", "--config", metavar="FILE", required=True, help=text)
    return parser


def _complain(line: str, code: int = EXIT_FAILED) -> int:
    print(line, file=sys.stderr)
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Chinese is no reason to fail
    name, *arguments = (sys.argv[1:] if argv is None else list(argv)) or ["--help"]
    command = {**COMMANDS, **QUESTIONS}.get(name)
    if command is None:
        line = f"paybox: 没有命令 {name!r} / no such command; one of {', '.join(COMMANDS)}"
        return _complain(line, EXIT_WRONG_CONFIGURATION)
    try:
        return command.run(arguments)
    except ConfigError as error:
        return _complain(str(error), EXIT_WRONG_CONFIGURATION)
    except PayboxError as error:
        return _complain(f"paybox {name}: {error}")
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
