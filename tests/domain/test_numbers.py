"""Order numbers against the published vectors (payment-states §1.8)."""

import json
import string
from pathlib import Path
from typing import Any

import pytest

from device.domain.numbers import keyed_hash, out_refund_no, out_trade_no

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "numbers.json").read_text(encoding="utf-8")
)
KEY = bytes.fromhex(VECTORS["box_key"])


@pytest.mark.parametrize("vector", VECTORS["payments"], ids=lambda v: v["out_trade_no"])
def test_trade_number_is_the_published_one(vector: dict[str, Any]) -> None:
    number = out_trade_no(
        KEY,
        vector["desk_code"],
        vector["desk"],
        vector["business_date"],
        vector["id"],
        vector["try"],
        vector["attempt"],
    )
    assert number == vector["out_trade_no"]


@pytest.mark.parametrize("vector", VECTORS["refunds"], ids=lambda v: v["out_refund_no"])
def test_refund_number_is_the_published_one(vector: dict[str, str]) -> None:
    made = out_refund_no(vector["out_trade_no"], vector["refund_id"])
    assert made == vector["out_refund_no"]


def test_numbers_fit_what_both_wallets_allow() -> None:
    trade = out_trade_no(KEY, "MZ03", "住院-11", "2026-11-22", "A" * 64, 99, 5)
    refund = out_refund_no(trade, "R" * 64)
    assert len(trade) == len(refund) == 32
    assert set(trade + refund) <= set(string.ascii_uppercase + string.digits)


@pytest.mark.parametrize(
    "other",
    [
        (b"x" * 32, "MZ03", "D", "", "1", 1, 1),
        (KEY, "MZ04", "D", "", "1", 1, 1),
        (KEY, "MZ03", "E", "", "1", 1, 1),
        (KEY, "MZ03", "D", "2026-11-22", "1", 1, 1),
        (KEY, "MZ03", "D", "", "2", 1, 1),
        (KEY, "MZ03", "D", "", "1", 2, 1),
        (KEY, "MZ03", "D", "", "1", 1, 2),
    ],
)
def test_every_part_is_part_of_the_number(other: Any) -> None:
    assert out_trade_no(*other) != out_trade_no(KEY, "MZ03", "D", "", "1", 1, 1)


def test_a_stored_hash_depends_on_key_and_kind_and_hides_the_text() -> None:
    code = "134567890123456789"
    stored = keyed_hash(KEY, "code", code)
    assert len(stored) == 64
    assert code not in stored
    assert stored != keyed_hash(KEY, "patient", code)
    assert stored != keyed_hash(b"y" * 32, "code", code)
