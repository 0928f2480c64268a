"""The firmware on the card: a virtual environment in /opt/paybox on top of Debian's Python."""

import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

from image import REPOSITORY
from image.debian import Choice, unpack
from image.tools import run

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
VERSION = "3.13"  # what the suite has
HOME = "opt/paybox"
SITE = f"{HOME}/lib/python{VERSION}/site-packages"
CODE = (SITE, f"usr/lib/python{VERSION}", "usr/lib/python3")  # compiled ahead: nothing is at start
GLIBC = (17, 28, 34)  # manylinux tags that Debian 13 satisfies
SETTINGS = f"home = /usr/bin\ninclude-system-site-packages = true\nversion = {VERSION}\n"
LAUNCHER = f"""\
#!/{HOME}/bin/python3 -I
import sys
from device.__main__ import main
sys.exit(main())
"""


def install(root: Path) -> None:
    """Put the wheels of `requirements.txt` and this tree's `device` into `root`."""
    tags = [f"--platform=manylinux_2_{minor}_aarch64" for minor in GLIBC]
    run(
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"),
        *("--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile"),
        *(f"--python-version={VERSION}", "--implementation=cp", *tags),
        *(f"--requirement={REQUIREMENTS}", f"--target={root / SITE}"),
    )
    shutil.rmtree(root / SITE / "bin", ignore_errors=True)  # commands of the wheels, with our paths
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "device", root / SITE / "device", ignore=ignore)
    programs = root / HOME / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to("/usr/bin/python3")
    launcher = root / "usr/bin/paybox"
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)
    (root / HOME / "pyvenv.cfg").write_text(SETTINGS)


def wheels(root: Path) -> Iterator[tuple[str, str]]:
    """Yield name and version of every wheel on the card."""
    found = distributions(path=[str(root / SITE)])
    yield from sorted((one.metadata["Name"], one.version) for one in found)


def compile_all(root: Path, tree: Path, choice: Choice) -> None:
    """Compile all Python code of `root` with this very Python, unpacked for the build machine.

    Byte code is the same on every machine; unchecked, because the root never changes.
    """
    machine = run("dpkg", "--print-architecture").strip()
    names = (f"python{VERSION}-minimal", f"libpython{VERSION}-stdlib")
    unpack(choice, names, machine, tree / "root", tree / "packages")
    own = tree / "root"
    [loader] = own.glob("usr/lib/*/ld-linux*.so*")
    libraries = loader.parent
    for folder in CODE:
        run(
            *(loader, "--library-path", libraries, own / f"usr/bin/python{VERSION}", "-I", "-S"),
            *("-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"),
            *("-s", root, "-p", "/", root / folder),
            environment={"PYTHONHASHSEED": "0"},
        )
