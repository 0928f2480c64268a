"""The scanner runs with Debian's evdev as with PyPI's: its own tests, with the older one."""

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.independent
ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-evdev/bin/python"
# The project's own settings need plugins that are not in that environment.
SETTINGS = (
    *("-c", "/dev/null", "--rootdir", str(ROOT), "--import-mode=importlib"),
    *("-o", "asyncio_mode=auto", "-p", "no:cacheprovider"),
)
SCANNER_TESTS = ("tests/drivers/test_scan_script.py", "tests/drivers/test_evdev_scanner.py")


def in_the_older_environment(*command: str) -> "subprocess.CompletedProcess[str]":
    if not PYTHON.exists():
        pytest.fail(f"{PYTHON} is missing: run python tests/independent/make_environments.py")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [str(PYTHON), "-m", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_the_scanner_s_tests_pass_with_the_evdev_of_debian_12() -> None:
    listed = in_the_older_environment("pip", "list", "--format=freeze")
    assert "evdev==1.6.1" in listed.stdout.splitlines()
    ran = in_the_older_environment("pytest", "-q", *SETTINGS, *SCANNER_TESTS)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "skipped" not in ran.stdout
