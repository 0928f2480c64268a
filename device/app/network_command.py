"""`paybox network`: writes down what the card's network is, as root, before networkd starts."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from device import config
from device.app.arguments import add_config, parser_of
from device.config import Config
from device.errors import ConfigError
from device.network import PRESHARED, PRIVATE, SSH_KEYS, files_of

PUBLIC, SECRET = 0o644, 0o600
LARGEST_KEYS = 16384  # bytes of an authorized_keys file
DESCRIPTION = """\
卡镜像：把 [network] 与 HIS 端口写成 networkd 单元与防火墙规则，写在 /run 之下，重启即新。
On the card: writes [network] and the HIS's port as networkd units and packet filter rules, under
/run, anew at each boot.
"""


def main(arguments: Sequence[str]) -> int:
    """Write the files; ConfigError if a key file that is named cannot be used."""
    parser = parser_of("network", DESCRIPTION)
    add_config(parser)
    text = "写在这个根目录之下；缺省 / the root to write under; default: %(default)s"
    parser.add_argument("--root", metavar="DIR", type=Path, default=Path("/"), help=text)
    chosen = parser.parse_args(arguments)
    settings = config.load(chosen.config)
    files = files_of(settings, _secrets(settings))
    try:
        _write(chosen.root, files.public, PUBLIC)
        _write(chosen.root, files.secret, SECRET)
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from None
    sys.stdout.writelines(f"{name}\n" for name in (*files.public, *files.secret))
    return 0


def _secrets(settings: Config) -> dict[str, str]:
    network, found = settings.network, {}
    if network.wireguard:
        found[PRIVATE] = config.read_text_secret(network.wireguard.private_key_file)
        if network.wireguard.preshared_key_file:
            found[PRESHARED] = config.read_text_secret(network.wireguard.preshared_key_file)
    if network.ssh_keys_file:
        data = config.read_bounded(network.ssh_keys_file, LARGEST_KEYS)
        found[SSH_KEYS.name] = data.decode(errors="replace")
    return found


def _write(root: Path, files: Mapping[PurePosixPath, str], mode: int) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
