"""Chromium driven as a person drives it, by the WebDriver protocol: for tests and pictures."""

import base64
import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
        """End the session."""
        self._ask("DELETE", self._session)

    def open(self, url: str) -> None:
        """Load a page."""
        self._do("url", url=url)

    def size(self, width: int, height: int) -> None:
        """Set the window's size in pixels."""
        self._do("window/rect", width=width, height=height)

    def click(self, css: str) -> None:
        """Click on the element."""
        self._element(css, "click")

    def write(self, css: str, text: str) -> None:
        """Put a text into a field instead of what is there."""
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
        """Return what is to be read in the element; nothing where it is not."""
        return str(self.run(f"return document.querySelector({json.dumps(css)})?.innerText ?? ''"))

    def run(self, script: str) -> Any:
        """Run a script in the page; return what it returns."""
        return self._do("execute/sync", script=script, args=[])

    def wait(self, reached: Callable[[], bool], what: str) -> None:
        """Wait until it is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not reached():
            assert time.monotonic() < deadline, f"not in {PATIENCE_S:g} s: {what}"
            time.sleep(0.05)

    def wait_text(self, css: str, part: str) -> None:
        """Wait until the element says it."""
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
        """Keep what is to be seen now."""
        path.write_bytes(self.picture())

    def picture(self) -> bytes:
        """What is to be seen now, as a PNG."""
        return base64.b64decode(self._ask("GET", f"{self._session}/screenshot"))

    def whole_page(self, width: int, tallest: int) -> bytes:
        """The page from its head down to `tallest` pixels, laid out in this width, as a PNG."""
        look = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.developer("Emulation.setDeviceMetricsOverride", **look)
        height = self.run("return document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, tallest), "scale": 1}
        shot = self.developer("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(shot["data"])

    def developer(self, command: str, **told: object) -> Any:
        """Give a command of Chromium's own protocol."""
        return self._do("goog/cdp/execute", cmd=command, params=told)

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
        request = urllib.request.Request(self._driver + path, data, method=method)  # noqa: S310  chromedriver
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
    process = subprocess.Popen(  # noqa: S603  our own commands
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


@contextmanager
def driven(program: str) -> Iterator[str]:
    """Run chromedriver; yield its address."""
    process, match = started([program, "--port=0"], r"successfully on port (\d+)")
    yield f"http://127.0.0.1:{match[1]}"
    process.terminate()
    assert process.stdout is not None
    process.stdout.read()
    process.wait(30)
    process.stdout.close()
