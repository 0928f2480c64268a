"""A browser driven like a person's, by the WebDriver protocol, and a demo that really runs."""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key the WebDriver standard gives
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=zh-CN",
)
PATIENCE_S = 20.0
KEYS = {"enter": "\ue007", "tab": "\ue004", "right": "\ue014", "escape": "\ue00c"}


class Browser:
    """One Chromium. Elements are named by CSS selectors."""

    def __init__(self, driver: str, profile: Path, flags: tuple[str, ...] = ()) -> None:
        self._driver = driver
        options = {"args": [*FLAGS, *flags, f"--user-data-dir={profile}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options}
        wanted |= {"goog:loggingPrefs": {"browser": "ALL"}}
        answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{answer['sessionId']}"

    def close(self) -> None:
        self._ask("DELETE", self._session)

    def open(self, url: str) -> None:
        self._do("url", url=url)

    def size(self, width: int, height: int) -> None:
        self._do("window/rect", width=width, height=height)

    def click(self, css: str) -> None:
        self._element(css, "click")

    def write(self, css: str, text: str) -> None:
        self._element(css, "clear")
        self._element(css, "value", text=text)

    def press(self, *keys: str) -> None:
        """Press keys on whatever has the focus."""
        steps = [
            {"type": kind, "value": KEYS.get(key, key)}
            for key in keys
            for kind in ("keyDown", "keyUp")
        ]
        self._do("actions", actions=[{"type": "key", "id": "keyboard", "actions": steps}])

    def text(self, css: str) -> str:
        return str(self.run(f"return document.querySelector({json.dumps(css)})?.innerText ?? ''"))

    def run(self, script: str) -> Any:
        return self._do("execute/sync", script=script, args=[])

    def wait(self, reached: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not reached():
            assert time.monotonic() < deadline, f"not in {PATIENCE_S:g} s: {what}"
            time.sleep(0.05)

    def wait_text(self, css: str, part: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while part not in self.text(css):
            if time.monotonic() > deadline:
                toast = self.run("return document.getElementById('toast').textContent")
                raise AssertionError(
                    f"{part} not in {css}, which says {self.text(css)!r}; "
                    f"toast: {toast!r}; console: {self.complaints()}"
                )
            time.sleep(0.05)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(self.picture())

    def picture(self) -> bytes:
        """What is to be seen now, as a PNG."""
        return base64.b64decode(self._ask("GET", f"{self._session}/screenshot"))

    def complaints(self) -> list[str]:
        """What the browser's console holds: errors of the page, refusals by its policy."""
        log = self._do("se/log", type="browser")
        return [line["message"] for line in log]

    def _element(self, css: str, what: str, **fields: object) -> None:
        found = self._do("element", using="css selector", value=css)
        self._do(f"element/{found[ELEMENT]}/{what}", **fields)

    def _do(self, command: str, **fields: object) -> Any:
        return self._ask("POST", f"{self._session}/{command}", fields)

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._driver + path, data, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                value = json.load(error)["value"]
        raise AssertionError(f"{path}: {value['error']}: {value['message'].splitlines()[0]}")


def started(command: list[str], ready: str) -> tuple[subprocess.Popen[str], re.Match[str]]:
    """Start a program and return it with the match of the line that says it is ready."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if match := re.search(ready, line):
            return process, match
    process.wait()
    raise AssertionError("".join(said))


def ended(process: subprocess.Popen[str]) -> int:
    """Press Ctrl-C, as its user would; return its exit code."""
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    process.stdout.read()
    code = process.wait(30)
    process.stdout.close()
    return code


@pytest.fixture(scope="session")
def driver() -> Iterator[str]:
    program = shutil.which("chromedriver")
    if program is None or shutil.which("chromium") is None:
        pytest.skip("chromium and chromedriver are not installed")
    process, match = started([program, "--port=0"], r"successfully on port (\d+)")
    yield f"http://127.0.0.1:{match[1]}"
    process.terminate()
    assert process.stdout is not None
    process.stdout.read()
    process.wait(30)
    process.stdout.close()


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
