"""WeChat's signature against vectors from outside."""

import json
from pathlib import Path
from typing import Any

import pytest

from device.channels.wechat.signing import SignType, sign, verified

FILE = Path(__file__).parents[2] / "vectors" / "wechat_sign.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
KEY = VECTORS["key"]
EDGE = {
    "appid": "wx2421b1c4370ec43b",
    "mch_id": "10000100",
    "device_info": "DESK-03",
    "nonce_str": "8aaee146b1dee7cec9100add9b96cbe2",
    "body": "市一医院-门诊收费",
    "attach": "",
    "out_trade_no": "OP20260301-0001|A",
    "total_fee": "12345",
    "spbill_create_ip": "10.8.0.6",
    "auth_code": "134567890123456789",
}


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda v: f"{v['call']} {v['type']}")
def test_the_signature_equals_the_one_from_outside(vector: dict[str, Any]) -> None:
    kind = SignType(vector["type"])
    assert sign(vector["fields"], KEY, kind) == vector["sign"]
    assert verified({**vector["fields"], "sign": vector["sign"]}, KEY, kind)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (SignType.MD5, "BD6B6CE291D94861CCE28261763EB43B"),
        (
            SignType.HMAC_SHA256,
            "907F7EDA6BDA7857F457CBAA8100A6985DA72D7933A233A1F2E6F11359205348",
        ),
    ],
)
def test_chinese_and_an_empty_field(kind: SignType, expected: str) -> None:
    assert sign({**EDGE, "sign_type": kind.value}, KEY, kind) == expected


def test_order_is_by_bytes_and_a_zero_is_a_value() -> None:
    fields = {"b": "0", "a": "", "B": "x", "A": "y", "sign": "zz", "a_1": "1", "a1": "2"}
    assert sign(fields, KEY, SignType.MD5) == "E0DB14C72BC2B1A164B07238D5AD7CDD"


@pytest.mark.parametrize("kind", SignType)
def test_a_changed_added_or_missing_field_does_not_verify(kind: SignType) -> None:
    good = {**EDGE, "sign": sign(EDGE, KEY, kind)}
    assert verified(good, KEY, kind)
    assert not verified({**good, "total_fee": "1"}, KEY, kind)
    assert not verified({**good, "unknown_new_field": "x"}, KEY, kind)
    assert not verified({k: v for k, v in good.items() if k != "total_fee"}, KEY, kind)


@pytest.mark.parametrize("signature", ["", "0", "ÄÖ", "签名"])
def test_no_signature_and_odd_ones_do_not_verify(signature: str) -> None:
    assert not verified({**EDGE, "sign": signature}, KEY, SignType.HMAC_SHA256)
    assert not verified(EDGE, KEY, SignType.HMAC_SHA256)


def test_md5_does_not_pass_where_hmac_is_configured() -> None:
    assert not verified({**EDGE, "sign": sign(EDGE, KEY, SignType.MD5)}, KEY, SignType.HMAC_SHA256)
