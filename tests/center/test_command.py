"""The real command in a process of its own, on a fresh folder."""

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

CENTER = (sys.executable, "-m", "center")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*CENTER, *arguments), capture_output=True, text=True, timeout=60, check=False
    )


def test_the_first_start_makes_everything_and_says_how_to_log_in(tmp_path: Path) -> None:
    file = tmp_path / "paybox-center.toml"
    file.write_text('listen = "127.0.0.1:0"\n')
    command = (*CENTER, "run", "-c", str(file))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("ready "):
                break
        assert re.search(r"one-time password \S{12,}", said)
        address = said.rsplit("ready ", 1)[1].strip()
        with urllib.request.urlopen(address + "login", timeout=10) as page:
            assert "登录" in page.read().decode()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0
    assert (tmp_path / "center.secret").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('listen = "7700"', "listen"),
        ("lissen = 1", "unknown key"),
        ('database_url = "mysql://x"', "sqlite:///PATH or postgresql://"),
        ("retention_days = 30", "400"),
        ('[tls]\ncert_file = "a.pem"', "cert_file and key_file stand together"),
        ("x = [", "not valid TOML"),
    ],
)
def test_a_wrong_configuration_is_one_line_and_exit_code_2(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "paybox-center.toml"
    file.write_text(text)
    done = run("run", "-c", str(file))
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_help_teaches() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "paybox-center run -c" in done.stdout


def test_the_morning_can_be_done_by_hand_and_as_of_another_time(tmp_path: Path) -> None:
    file = tmp_path / "paybox-center.toml"
    file.write_text("")
    assert run("morning", "-c", str(file), "--as-of", "2026-11-23").returncode == 0
    wrong = run("morning", "-c", str(file), "--as-of", "yesterday")
    assert wrong.returncode == 2
    assert "YYYY-MM-DD" in wrong.stderr
