"""The initrd: busybox, e2fsck, a few kernel modules and one script, `init`."""

import gzip
import lzma
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from image.layout import CARD_NUMBER
from image.tools import BuildError, run

HERE = Path(__file__).parent
FOLDERS = ("bin", "dev", "modules", "proc", "sys", "run")


def names_in(path: str) -> str:
    """Return a module's name as `modprobe` takes it, from its path."""
    return Path(path).name.partition(".")[0].replace("-", "_")


def load_order(wanted: Iterable[str], depends: str) -> list[str]:
    """Return the paths of modules and all they need, in loading order.

    `depends` is the text of `modules.dep`. BuildError for a module that the kernel does not have.
    """
    needs: dict[str, list[str]] = {}
    paths: dict[str, str] = {}
    for line in depends.splitlines():
        path, _, rest = line.partition(":")
        paths[names_in(path)] = path
        needs[path] = rest.split()
    order: dict[str, None] = {}

    def add(path: str) -> None:
        for needed in needs[path]:
            if needed not in order:
                add(needed)
        order[path] = None

    for name in wanted:
        if name not in paths:
            raise BuildError(f"initrd.toml: the kernel has no module {name}")
        add(paths[name])
    return list(order)


def bind_lines(binds: Mapping[str, str]) -> str:
    """Return the table that `init` reads: a folder of the data partition, and where it stands."""
    return "".join(f"{name} {target}\n" for name, target in binds.items())


def build(root: Path, tree: Path, file: Path, epoch: int) -> None:
    """Make `file` from programs and modules of `root`, by way of the folder `tree`."""
    table = tomllib.loads((HERE / "initrd.toml").read_text())
    for name in FOLDERS:
        (tree / name).mkdir(parents=True)
    _put(tree / "init", (HERE / "init").read_bytes(), 0o755)
    _put(tree / "bin/busybox", (root / "usr/bin/busybox").read_bytes(), 0o755)
    _put(tree / "bin/e2fsck.static", (root / "usr/sbin/e2fsck.static").read_bytes(), 0o755)
    _put(tree / "settings", f"CARD={CARD_NUMBER.to_bytes(4, 'little').hex()}\n".encode())
    _put(tree / "binds", bind_lines(table["binds"]).encode())
    [modules] = (root / "usr/lib/modules").iterdir()
    order = load_order(table["modules"], (modules / "modules.dep").read_text())
    for path in order:
        data = (modules / path).read_bytes()
        _put(tree / "modules" / f"{names_in(path)}.ko", lzma.decompress(data))
    _put(tree / "modules/order", "".join(f"{names_in(path)}.ko\n" for path in order).encode())
    _pack(tree, file, epoch)


def _put(path: Path, data: bytes, mode: int = 0o644) -> None:
    path.write_bytes(data)
    path.chmod(mode)


def _pack(tree: Path, file: Path, epoch: int) -> None:
    run("find", tree, "-exec", "touch", "-h", "-d", f"@{epoch}", "{}", "+")
    names = "\n".join(sorted(str(path.relative_to(tree)) for path in tree.rglob("*")))
    plain = file.with_suffix(".cpio")
    words = ("--create", "--quiet", "--format=newc", "--reproducible", "--owner=0:0")
    run("cpio", *words, f"--file={plain}", stdin=names, cwd=tree)
    file.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    plain.unlink()
