"""`paybox demo` starts the statistics centre too, and its box sends there."""

import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path

PATIENCE_S = 60.0


def boxes(database: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as opened:
        return opened.execute("SELECT id FROM ledger_box").fetchall()


def test_the_demo_has_a_centre_that_hears_the_box(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "device", "demo", "--port", "0", "--data", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        line = next(line for line in demo.stdout if "统计中心" in line)
        found = re.search(r"(http://127\.0\.0\.1:\d+/)  用户 caiwu  密码 \S{8,}", line)
        assert found
        with urllib.request.urlopen(found[1] + "login", timeout=10) as page:
            assert "登录" in page.read().decode()
        deadline = time.monotonic() + PATIENCE_S
        while boxes(tmp_path / "center" / "center.sqlite3") != [("BOX-DEMO",)]:
            assert time.monotonic() < deadline, "the box has not sent anything"
            time.sleep(0.2)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=30) == 0
