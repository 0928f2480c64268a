"""A browser driven like a person's, by the WebDriver protocol, and a demo that really runs."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.browser import Browser, driven, ended, started

__all__ = ["Browser", "ended", "started"]


@pytest.fixture(scope="session")
def driver() -> Iterator[str]:
    program = shutil.which("chromedriver")
    if program is None or shutil.which("chromium") is None:
        pytest.skip("chromium and chromedriver are not installed")
    with driven(program) as address:
        yield address


@pytest.fixture
def browser(driver: str, tmp_path: Path) -> Iterator[Browser]:
    browser = Browser(driver, tmp_path / "profile")
    yield browser
    browser.close()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[str]:
    """The address of a running demo, as `paybox demo` prints it."""
    command = [sys.executable, "-m", "device", "demo", "--port", "0"]
    process, match = started([*command, "--data", str(tmp_path / "demo")], r"(http://[\d.:]+/)")
    yield match[1]
    assert ended(process) == 0


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: `$PAYBOX_SCREENSHOTS`, or a temporary folder."""
    given = os.environ.get("PAYBOX_SCREENSHOTS")
    path = Path(given) if given else tmp_path_factory.mktemp("screenshots")
    path.mkdir(parents=True, exist_ok=True)
    return path
