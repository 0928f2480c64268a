import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.screens import Refusal
from device.errors import BundleRefused
from device.provisioning.bundle import LARGEST_BYTES, Bundle, Title, pack, unpack

FILES = {"paybox.toml": "医院".encode(), "box.key": bytes(range(32)), "empty": b""}


def refused(call: Any, *args: Any) -> Refusal:
    with pytest.raises(BundleRefused) as told:
        call(*args)
    return told.value.why


def test_files_come_out_as_they_went_in() -> None:
    assert unpack(pack(FILES)) == FILES


def test_a_title_comes_out_as_it_went_in() -> None:
    title = Title("BOX-0001", 7, 1764000000)
    assert Title.from_bytes(title.to_bytes()) == title


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"[]",
        b"{}",
        b'{"box":1,"version":1,"not_before":0}',
        b'{"box":"B","version":-1,"not_before":0}',
        b'{"box":"B","version":true,"not_before":0}',
        b'{"box":"B","version":1e3,"not_before":0}',
        b'{"box":"B","version":99999999999999999999,"not_before":0}',
        b"[" * 100_000,
    ],
)
def test_a_title_that_is_none_is_refused(fields: bytes) -> None:
    assert refused(Title.from_bytes, fields) is Refusal.DAMAGED


def packed(rows: Any) -> bytes:
    return zlib.compress(json.dumps(rows).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not compressed",
        packed({}),
        packed([["a"]]),
        packed([["box.key", "text", "x"]]),  # no paybox.toml
        packed([["paybox.toml", "text", "x"], ["../box.key", "text", "x"]]),
        packed([["paybox.toml", "text", "x"], ["bundle.json", "text", "x"]]),
        packed([["paybox.toml", "base64", "*"]]),
        packed([["paybox.toml", "text", 1]]),
        packed([["paybox.toml", "text", "x" * (LARGEST_BYTES + 1)]]),
        packed([["paybox.toml", "text", ""], *([f"f{i}", "text", ""] for i in range(40))]),
        zlib.compress(b"[" + b" " * 10_000_000 + b"]"),  # grows a thousandfold
        pack(FILES)[:-1],
    ],
)
def test_what_pack_never_gave_is_refused(data: bytes) -> None:
    assert refused(unpack, data) is Refusal.DAMAGED


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail_otherwise(data: bytes) -> None:
    for call in (unpack, Title.from_bytes):
        with pytest.raises(BundleRefused):
            call(data)


def test_too_much_is_not_packed() -> None:
    with pytest.raises(ValueError, match="at most"):
        pack({"paybox.toml": b"x" * (LARGEST_BYTES + 1)})


def test_a_bundle_does_not_show_its_files() -> None:
    assert "secret" not in repr(Bundle(Title("B", 1), {"box.key": b"secret"}))
