"""`paybox demo --headless`: every story over the real links, in real processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from simulators.demo.stories import STORIES


@pytest.mark.slow
def test_every_story_ends_as_it_must(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "device", "demo", "--headless", "--data", str(tmp_path)]

    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    except subprocess.TimeoutExpired as late:
        pytest.fail(f"not done in {late.timeout:g} s:\n{(late.stdout or b'').decode()}")

    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("✓")]
    assert len(told) == len(STORIES) + 1  # and the sum of all
    assert done.stderr == ""
