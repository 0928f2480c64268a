"""A written configuration with its files, as a technician would have it."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")  # the machine that runs this may be busy with other things

MINIMAL: Mapping[str, Mapping[str, object]] = {
    "box": {
        "id": "BOX-0001",
        "desk": "MZ-03",
        "desk_code": "MZ03",
        "data_dir": "data",
        "key_file": "box.key",
    },
    "his": {"link": "tcp"},
    "his.tcp": {"listen": "127.0.0.1:0"},
    "channels.wechat": {"appid": "wx0123456789abcdef", "mch_id": "1900000109"},
    "channels.alipay": {"app_id": "2021000000000001"},
}
SECRET_FILES = {
    "box.key": "0" * 63 + "1\n",
    "his.key": "0" * 63 + "2\n",
    "center.key": "0" * 63 + "3\n",
    "wechat.key": "0123456789abcdef0123456789abcdef\n",
    "apiclient_cert.pem": "certificate\n",
    "apiclient_key.pem": "key\n",
    "app_private_key.pem": "key\n",
    "alipay_public_key.pem": "key\n",
}

WriteConfig = Callable[..., Path]


WRITERS: Mapping[type, Callable[[Any], str]] = {
    bool: lambda flag: str(flag).lower(),
    int: lambda number: hex(number) if number > 0 else str(number),  # hex: no limit of digits
    float: repr,
    datetime: datetime.isoformat,
    list: lambda items: "[" + ", ".join(map(_toml, items)) + "]",
    dict: lambda items: "{" + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in items.items()) + "}",
    str: lambda text: json.dumps(text, ensure_ascii=False),
}


def _toml(value: object) -> str:
    return WRITERS[type(value)](value)


@pytest.fixture
def write_config(tmp_path: Path) -> WriteConfig:
    """Return a writer of a valid `paybox.toml`, changed key by key.

    `write_config({"his": {"link": "serial"}})` changes or adds keys, a key of None is left out and
    so is a section of None.
    """

    def write(changes: Mapping[str, Mapping[str, object] | None] | None = None) -> Path:
        changes = changes or {}
        for name, text in SECRET_FILES.items():
            (tmp_path / name).write_text(text)
        sections: dict[str, Mapping[str, object] | None] = {**MINIMAL}
        for section, keys in changes.items():
            base = MINIMAL.get(section, {})
            sections[section] = None if keys is None else {**base, **keys}
        lines = []
        for section, wanted in sections.items():
            if wanted is None:
                continue
            lines.append(f"[{section}]")
            lines += [f'"{key}" = {_toml(v)}' for key, v in wanted.items() if v is not None]
        path = tmp_path / "paybox.toml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write
