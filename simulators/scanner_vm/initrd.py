"""A small root in memory: busybox, modules, this Python with just what the guest imports."""

import subprocess
import sys
import sysconfig
from pathlib import Path

from simulators.scanner_vm.kernel import Kernel

ROOT = Path(__file__).resolve().parents[2]
BUSYBOX = Path("/bin/busybox")
ALSO = ("runpy", "encodings.latin_1", "encodings.ascii")  # not seen by importing the guest
LIST_MODULES = """\
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
for module in list(sys.modules.values()):
    for path in (getattr(module, "__file__", None), getattr(module, "__cached__", None)):
        if path:
            print(path)
"""
INIT = """\
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do /bin/busybox insmod /modules/$module; done
export PYTHONPATH={path}
{python} -m simulators.scanner_vm.guest
/bin/busybox poweroff -f
"""


def build(kernel: Kernel, file: Path, tree: Path) -> None:
    """Write the archive."""
    modules = kernel.modules()
    for name, data in modules:
        _put(tree / "modules" / name, data, 0o644)
    python = Path(sys.executable).resolve()
    packages = sysconfig.get_paths()["purelib"]
    paths = [python, *_imported()]
    for path in dict.fromkeys([*paths, *_libraries(paths)]):
        if path.is_file():
            _put(tree / path.relative_to("/"), path.read_bytes(), 0o755)
    _put(tree / "bin/busybox", BUSYBOX.read_bytes(), 0o755)
    names = " ".join(name for name, _ in modules)
    init = INIT.format(modules=names, path=f"{ROOT}:{packages}", python=python)
    _put(tree / "init", init.encode(), 0o755)
    _pack(tree, file)


def _put(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def _imported() -> list[Path]:
    """Return the files of every module that the guest imports, on this machine."""
    names = ("simulators.scanner_vm.guest", "evdev", *ALSO)
    command = [sys.executable, "-c", LIST_MODULES, *names]
    ran = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [Path(line).absolute() for line in ran.stdout.splitlines()]


def _libraries(paths: list[Path]) -> list[Path]:
    """Return the shared libraries that the program and its extensions need, and the loader."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.suffix == ".so" or path == paths[0]:
            ran = subprocess.run(["ldd", str(path)], check=True, capture_output=True, text=True)
            words = (word for line in ran.stdout.splitlines() for word in line.split())
            found |= {Path(word): None for word in words if word.startswith("/")}
    return list(found)


def _pack(tree: Path, file: Path) -> None:
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    with file.open("wb") as archive:
        command = ["cpio", "--quiet", "-o", "-H", "newc"]
        subprocess.run(command, cwd=tree, input=names.encode(), stdout=archive, check=True)
