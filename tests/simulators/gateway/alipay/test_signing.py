import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from simulators.gateway.alipay import signing

VECTORS = json.loads((Path(__file__).parents[3] / "vectors/alipay_sign.json").read_text())
OWN = next(one for one in VECTORS if "private_key_pkcs8_pem" in one)


def public_key(vector: dict[str, Any]) -> RSAPublicKey:
    key = serialization.load_der_public_key(base64.b64decode(vector["public_key"]))
    assert isinstance(key, RSAPublicKey)
    return key


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: str(one["id"]))
def test_verifies_the_outside_vectors_and_nothing_else(vector: dict[str, Any]) -> None:
    key, content = public_key(vector), vector["content"].encode()
    assert signing.is_signed(content, vector["sign"], key)
    assert not signing.is_signed(content + b" ", vector["sign"], key)
    assert not signing.is_signed(content, vector["sign"], key, "RSA")


@pytest.mark.parametrize("form", ["private_key_pkcs8_pem", "private_key_pkcs1_pem"])
def test_reproduces_the_vector_with_a_private_key(form: str) -> None:
    key = serialization.load_pem_private_key(OWN[form].encode(), None)
    assert isinstance(key, RSAPrivateKey)
    assert signing.sign(OWN["content"].encode(), key) == OWN["sign"]


def test_the_request_text_leaves_out_the_sign_and_empty_values() -> None:
    pairs = dict(part.split("=", 1) for part in OWN["content"].split("&"))
    shuffled = dict(reversed(pairs.items())) | {"sign": "x", "notify_url": ""}
    assert signing.request_text(shuffled) == OWN["content"]


@pytest.mark.parametrize("signature", ["", "!!", "AAAA", "签名"])
def test_nonsense_is_no_signature(signature: str) -> None:
    assert not signing.is_signed(b"content", signature, public_key(OWN))
