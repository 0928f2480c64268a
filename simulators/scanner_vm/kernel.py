"""Debian's own kernel, unpacked from its package; nothing is installed on this machine."""

import lzma
import subprocess
from pathlib import Path

META_PACKAGE = "linux-image-amd64"
WANTED = ("xhci_pci", "usbhid", "hid_generic", "evdev", "uhid", "ftdi_sio")


class Kernel:
    """An unpacked kernel package."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (self._modules,) = (folder / "lib/modules").iterdir()
        self.version = self._modules.name

    @property
    def image(self) -> Path:
        """What QEMU boots."""
        return self._folder / f"boot/vmlinuz-{self.version}"

    def modules(self) -> list[tuple[str, bytes]]:
        """Return name and contents of each module in the order in which they are to be loaded."""
        needs: dict[str, list[str]] = {}
        for line in (self._modules / "modules.dep").read_text().splitlines():
            path, _, others = line.partition(":")
            needs[_name(path)] = [path, *others.split()]
        ordered: dict[str, str] = {}
        for name in WANTED:
            for path in reversed(needs[name]):
                ordered.setdefault(_name(path), path)
        return [(f"{name}.ko", self._read(path)) for name, path in ordered.items()]

    def _read(self, path: str) -> bytes:
        data = (self._modules / path).read_bytes()
        return lzma.decompress(data) if path.endswith(".xz") else data


def _name(path: str) -> str:
    return Path(path).name.partition(".")[0].replace("-", "_")


def unpacked(cache: Path) -> Kernel:
    """Fetch the newest kernel package of this machine's Debian once, and unpack it."""
    folder = cache / "kernel"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        depends = _output("apt-cache", "depends", META_PACKAGE)
        package = next(
            line.split()[-1] for line in depends.splitlines() if "Depends: linux-image" in line
        )
        download = ("apt-get", "-o", "APT::Sandbox::User=root", "download", "-qq", package)
        subprocess.run(download, cwd=cache, check=True)
        (archive,) = cache.glob("linux-image-*.deb")
        part = cache / "kernel.part"
        subprocess.run(["dpkg", "-x", str(archive), str(part)], check=True)
        archive.unlink()
        (modules,) = (part / "lib/modules").iterdir()
        subprocess.run(["depmod", "-b", str(part), modules.name], check=True)
        part.rename(folder)
    return Kernel(folder)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
