"""Make a virtual environment for each foreign SDK; quick when they exist.

Each SDK has its own, because two of the known Alipay distributions own one package name and
because nothing of theirs may reach the box's environment. The oldest evdev that the box runs with
(Debian 12's) has one too.
"""

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = {
    ".venv-wechatpy": ("wechatpy==1.8.18", "cryptography>=42"),
    ".venv-alipay": ("python-alipay-sdk==3.4.0",),
    ".venv-evdev": (
        *("evdev==1.6.1", "pyserial>=3.5"),
        *("pytest>=8.4", "pytest-asyncio>=1.2", "pytest-timeout>=2.4"),
        "hypothesis>=6.100",  # the profile of tests/conftest.py
    ),
}
STAMP = "requirements.txt"


def make(directory: Path, requirements: tuple[str, ...]) -> None:
    """Make it unless its stamp names just these requirements and this Python."""
    stamp = directory / STAMP
    wanted = "\n".join([f"# Python {sys.version.split()[0]}", *requirements, ""])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    venv.create(directory, with_pip=True, clear=True)
    pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--disable-pip-version-check", *requirements], check=True)
    stamp.write_text(wanted)


def main() -> None:
    """Make all."""
    for name, requirements in ENVIRONMENTS.items():
        make(ROOT / name, requirements)


if __name__ == "__main__":
    main()
