"""The bill of materials of a release: everything in it, whose it is, under which licence.

Packages are those of an environment into which the wheel was installed; what stands in the wheel
itself and is not ours (fonts, charts) is in `VENDORED`. The card has a bill of its own
(`image/sbom.py`), written by `make image`.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path
from uuid import UUID, uuid5

NAMESPACE = UUID("70617962-0000-4000-8000-000000000b08")
NO_PART = frozenset({"paybox", "pip", "setuptools"})
"""Ourselves, and what installs: neither is a part that is shipped."""
LONGEST = 60  # characters; a longer licence field is the licence's whole text


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is shipped and not ours."""

    name: str
    version: str
    licence: str
    where: str = ""
    """Its place in the repository; empty for a package that pip installs."""

    @property
    def address(self) -> str:
        """The package URL; a vendored file has the generic kind."""
        kind = "generic" if self.where else "pypi"
        return f"pkg:{kind}/{self.name.lower().replace('_', '-')}@{self.version}"


VENDORED = (
    Part("unifont", "15.0.01", "OFL-1.1", "device/display/fonts"),
    Part("echarts", "6", "Apache-2.0", "center/web/static/web/echarts"),
    Part("echarts-gl", "2", "BSD-3-Clause", "center/web/static/web/echarts"),
)


def installed(site: Path) -> list[Part]:
    """Return every package under this `site-packages`, by name."""
    found = (_part(one) for one in distributions(path=[str(site)]))
    parts = {part.name: part for part in found if part.name.lower() not in NO_PART}
    return sorted(parts.values(), key=lambda part: part.name.lower())


def _part(one: Distribution) -> Part:
    return Part(one.metadata["Name"], one.version, licence(one))


def licence(one: Distribution) -> str:
    """Return its licence as it says it itself: an SPDX expression, a word, or a classifier."""
    told = one.metadata
    for text in (*told.get_all("License-Expression", ()), *told.get_all("License", ())):
        if text and len(text) <= LONGEST and text.strip().upper() != "UNKNOWN":
            return str(text).strip()
    kinds = (line for line in told.get_all("Classifier") or () if line.startswith("License"))
    return " / ".join(line.rpartition("::")[2].strip() for line in kinds) or "not said"


def document(parts: Iterable[Part], version: str, epoch: int) -> str:
    """Return CycloneDX 1.5; the same release has the same text."""
    components = [_component(part) for part in parts]
    body = json.dumps(components, sort_keys=True)
    whole = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE, body)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).isoformat(),
            "component": {"type": "application", "name": "paybox", "version": version},
        },
        "components": components,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _component(part: Part) -> dict[str, object]:
    return {
        "type": "library",
        "bom-ref": part.address,
        "name": part.name,
        "version": part.version,
        "purl": part.address,
        "licenses": [{"license": {"name": part.licence}}],
    }


def licences(parts: Iterable[Part], site: Path, root: Path) -> Iterator[str]:
    """Yield the text of THIRD-PARTY.txt: each part, then its licence's own text if it has one."""
    texts = {one.metadata["Name"]: one for one in distributions(path=[str(site)])}
    for part in parts:
        yield f"{'=' * 78}\n{part.name} {part.version}: {part.licence}\n"
        files = _vendored_texts(root / part.where) if part.where else _texts(texts[part.name])
        yield from (f"\n{text.strip()}\n" for text in files)


def _texts(one: Distribution) -> Iterator[str]:
    for file in one.files or ():
        if "dist-info" in file.parts[0] and _says_licence(file.name):
            yield Path(str(file.locate())).read_text(encoding="utf-8", errors="replace")


def _vendored_texts(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("*.txt")):
        if _says_licence(file.name):
            yield file.read_text(encoding="utf-8")


def _says_licence(name: str) -> bool:
    return any(word in name.upper() for word in ("LICENSE", "LICENCE", "COPYING", "NOTICE", "OFL"))
