"""Making a bundle, on the machine that builds the image; the signing key stays there, offline."""

import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from device.errors import ConfigError
from device.update.install import CHUNK
from device.update.manifest import Manifest, public_of

SIGNING_NAME, TRUST_NAME = "update.key", "update.pub"
KEY_BYTES = 32


def keygen(folder: Path) -> None:
    """Make the signing key of releases and its public half; an existing one is never touched."""
    key = secrets.token_bytes(KEY_BYTES)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / SIGNING_NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key.hex() + "\n")
        (folder / TRUST_NAME).write_text(public_of(key).hex() + "\n", encoding="ascii")
    except OSError as error:
        raise ConfigError(f"{error.filename}: 未改动 / left as it is: {error.strerror}") from None
    sys.stdout.write(f"{folder / SIGNING_NAME}\n{folder / TRUST_NAME}\n")


@dataclass(frozen=True, slots=True)
class Release:
    """What the image itself does not say of itself; see `Manifest`."""

    version: str
    kernel: str
    migrations: Sequence[str]


def make(image: Path, out: Path, signing_key: bytes, release: Release) -> Manifest:
    """Write a bundle around a root image; return its manifest."""
    digest = hashlib.sha256()
    with image.open("rb") as source:
        while data := source.read(CHUNK):
            digest.update(data)
        version, kernel, known = release.version, release.kernel, list(release.migrations)
        manifest = Manifest(version, kernel, known, source.tell(), digest.hexdigest())
        source.seek(0)
        with out.open("wb") as bundle:
            bundle.write(manifest.head(signing_key))
            shutil.copyfileobj(source, bundle, CHUNK)
    return manifest
