"""The bill of materials: CycloneDX 1.5, every package and wheel of the card."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import UUID, uuid5

from image.debian import Package

NAMESPACE = UUID("70617962-0000-4000-8000-000000000b03")


def bill(
    packages: Iterable[Package], wheels: Iterable[tuple[str, str]], version: str, epoch: int
) -> str:
    """Return the JSON text. The same card has the same text, serial number and all."""
    components = [*map(_package, packages), *map(_wheel, wheels)]
    body = json.dumps(components, sort_keys=True)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE, body)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).isoformat(),
            "component": {"type": "firmware", "name": "paybox", "version": version},
        },
        "components": components,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _package(one: Package) -> dict[str, object]:
    architecture = one.file.stem.rpartition("_")[2]
    address = f"pkg:deb/debian/{one.name}@{quote(one.version)}?arch={architecture}"
    return {
        "type": "library",
        "name": one.name,
        "version": one.version,
        "purl": address,
        "bom-ref": address,
        "hashes": [{"alg": "SHA-256", "content": one.digest}],
        "properties": [{"name": "debian:source", "value": one.source}],
    }


def _wheel(one: tuple[str, str]) -> dict[str, object]:
    name, version = one
    address = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
    return {
        "type": "library",
        "name": name,
        "version": version,
        "purl": address,
        "bom-ref": address,
    }
