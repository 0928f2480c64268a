import json
from pathlib import Path
from typing import Any

import pytest

from simulators.gateway.wechat import signing

VECTORS = json.loads((Path(__file__).parents[3] / "vectors/wechat_sign.json").read_text())
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
EDGE_SIGNS = {
    "MD5": "BD6B6CE291D94861CCE28261763EB43B",
    "HMAC-SHA256": "907F7EDA6BDA7857F457CBAA8100A6985DA72D7933A233A1F2E6F11359205348",
}


@pytest.mark.parametrize(
    "vector", VECTORS["vectors"], ids=lambda one: f"{one['call']} {one['type']}"
)
def test_reproduces_the_outside_vectors(vector: dict[str, Any]) -> None:
    assert signing.sign(vector["fields"], KEY, vector["type"]) == vector["sign"]
    signed = {**vector["fields"], "sign": vector["sign"]}
    assert signing.is_signed(signed, KEY, vector["type"])


@pytest.mark.parametrize("sign_type", ["MD5", "HMAC-SHA256"])
def test_the_sign_type_is_signed_and_empty_values_are_not(sign_type: str) -> None:
    fields = {**EDGE, "sign_type": sign_type}
    assert signing.sign(fields, KEY, sign_type) == EDGE_SIGNS[sign_type]


def test_names_are_sorted_bytewise_and_zero_is_a_value() -> None:
    fields = {"b": "0", "a": "", "B": "x", "A": "y", "sign": "zz", "a_1": "1", "a1": "2"}
    text = signing.signed_text(fields, KEY)
    assert text == f"A=y&B=x&a1=2&a_1=1&b=0&key={KEY}".encode()
    assert signing.sign(fields, KEY) == "E0DB14C72BC2B1A164B07238D5AD7CDD"


@pytest.mark.parametrize("change", [{"sign": ""}, {"total_fee": "12346"}, {"extra": "1"}])
def test_anything_changed_is_not_signed(change: dict[str, str]) -> None:
    fields = {**EDGE, "sign": signing.sign(EDGE, KEY), **change}
    assert not signing.is_signed(fields, KEY)
