import gc
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from device import config
from device.__main__ import COMMANDS, main

WriteConfig = Callable[..., Path]
HELP_S = 0.15  # a command that teaches must answer at once
TRIES = 5  # the best of them: other tests share the processor
BARE = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}


def paybox(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "device", *arguments],
        capture_output=True,
        timeout=30,
        check=False,
        encoding="utf-8",
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("ask", [["--help"], ["-h"], []])
def test_help_names_every_command_in_chinese_first(
    ask: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(ask) == 0
    text = capsys.readouterr().out
    assert text.startswith("扫码墩 paybox")
    for name, command in COMMANDS.items():
        assert f"  {command.usage}\n" in text
        assert command.usage.startswith(name)
        assert text.index(command.chinese) < text.index(command.english)


def test_help_is_instant() -> None:
    """Compared with an empty interpreter on the same, perhaps busy, machine."""

    def seconds(*command: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, capture_output=True, env=BARE)
        return time.perf_counter() - start

    empty = min(seconds("-c", "pass") for _ in range(TRIES))
    assert min(seconds("-m", "device", "--help") for _ in range(TRIES)) - empty < HELP_S


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, device.__main__ as m; m.main([]); print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, encoding="utf-8", env=BARE
    )
    for heavy in ("asyncio", "httpx", "PIL", "sqlite3", "cryptography", "device.app"):
        assert f"'{heavy}'" not in done.stdout


def test_help_survives_a_terminal_without_chinese() -> None:
    done = paybox("--help", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "keygen DIR" in done.stdout


@pytest.mark.parametrize(
    "name", ["run", "check", "journal", "keygen", "provision", "update", "factory-reset"]
)
def test_each_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    assert f"usage: paybox {name}" in capsys.readouterr().out


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"paybox {version('paybox')}\n"


def test_an_unknown_command_is_one_line_and_exit_code_2() -> None:
    done = paybox("pay-me")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "'pay-me'" in done.stderr
    assert "keygen" in done.stderr


@pytest.mark.parametrize("name", ["run", "check", "journal"])
def test_a_missing_option_is_exit_code_2(name: str) -> None:
    done = paybox(name)
    assert done.returncode == 2
    assert "-c/--config" in done.stderr


@pytest.mark.parametrize(
    "command", [["run", "-c"], ["check", "--json", "-c"], ["journal", "-c"]], ids=lambda c: c[0]
)
def test_a_wrong_configuration_is_one_line_and_exit_code_2(
    command: list[str], write_config: WriteConfig
) -> None:
    path = write_config({"box": {"desk_code": "mz3"}})
    done = paybox(*command, str(path), *["list"] * (command[0] == "journal"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f'{path}: [box] desk_code = "mz3": must be exactly 4 of A-Z0-9\n'


def test_a_configuration_that_is_not_there_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = paybox("run", "-c", str(tmp_path / "paybox.toml"))
    assert done.returncode == 2
    assert done.stderr == f"{tmp_path / 'paybox.toml'}: cannot be read: No such file or directory\n"


def test_keygen_makes_three_different_keys_that_only_the_owner_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "etc" / "paybox"
    assert main(["keygen", str(folder)]) == 0
    keys = {path.name: config.read_key(path) for path in folder.iterdir()}
    assert set(keys) == {"box.key", "his.key", "center.key"}
    assert len(set(keys.values())) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    told = capsys.readouterr().out
    assert "box.key" in told
    assert keys["box.key"].hex() not in told


@pytest.mark.parametrize("name", ["box.key", "his.key", "center.key"])
def test_keygen_touches_nothing_when_a_key_exists(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text("old")
    assert main(["keygen", str(tmp_path)]) == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "old"
    assert name in capsys.readouterr().err


def test_keygen_says_in_one_line_that_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = paybox("keygen", str(tmp_path / "file" / "folder"))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["demo", "gateway"])
def test_without_the_simulators_a_command_says_so(name: str) -> None:
    code = (
        "import sys\n"
        "class NoSimulators:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name.split('.')[0] == 'simulators':\n"
        "            raise ModuleNotFoundError('none', name='simulators')\n"
        "sys.meta_path.insert(0, NoSimulators())\n"
        "from device.__main__ import main\n"
        f"sys.exit(main([{name!r}, '--help']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, encoding="utf-8"
    )
    assert done.returncode == 1
    assert done.stderr == f"paybox {name}: 未安装模拟器 / the simulators are not installed\n"


NO_HARDWARE = {
    "display": {"driver": "none"},
    "lamp": {"driver": "none"},
    "scanner": {"driver": "stdin"},
    "network": {"vpn_interface": ""},
    "clock": {"source": "none"},
    "channels.alipay": None,
    "channels.wechat": {"base_url": "http://127.0.0.1:9", "cert_file": "", "key_file": ""},
}


def test_check_says_part_by_part_what_fails_and_leaves_nothing_behind(
    write_config: WriteConfig,
) -> None:
    path = write_config(NO_HARDWARE)
    before = sorted(path.parent.iterdir())
    done = paybox("check", "-c", str(path), "--json")
    parts = {part["part"]: part["state"] for part in json.loads(done.stdout)}
    assert done.returncode == 2
    assert parts["wechat"] == "fail"
    assert parts["clock"] == "ok"
    assert sorted(path.parent.iterdir()) == before


def test_the_collector_is_off_only_until_the_box_is_ready(tmp_path: Path) -> None:
    assert main(["run", "-c", str(tmp_path / "none.toml")]) == 2
    assert gc.isenabled()
    code = "import gc; from device import app; gc.disable(); app._keep_for_good()"
    code += "; print(gc.isenabled(), gc.get_freeze_count() > 1000)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "True True\n"
