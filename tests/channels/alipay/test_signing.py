"""Alipay's signature against vectors from outside, and keys in every form."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from device.channels.alipay import Application, signing
from device.errors import ConfigError

FILE = Path(__file__).parents[2] / "vectors" / "alipay_sign.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
OWN = next(vector for vector in VECTORS if vector["id"] == "own-pay-cjk")
PEM = serialization.Encoding.PEM
NO_PASSWORD = serialization.NoEncryption()


def bare(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if "-----" not in line)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["id"])
def test_a_signature_from_outside_verifies_and_a_changed_text_does_not(
    vector: dict[str, Any],
) -> None:
    key = signing.public_key(vector["public_key"], "test")
    content = vector["content"].encode()
    assert signing.verified(content, vector["sign"], key)
    assert not signing.verified(content + b" ", vector["sign"], key)


@pytest.mark.parametrize("form", ["private_key_pkcs8_pem", "private_key_pkcs1_pem"])
@pytest.mark.parametrize("shape", ["pem", "bare", "wrapped"])
def test_our_signature_equals_the_one_from_outside(form: str, shape: str) -> None:
    pem = OWN[form]
    text = {"pem": pem, "bare": bare(pem), "wrapped": "\n " + bare(pem) + " \r\n"}[shape]
    key = signing.private_key(text, "test")
    params = dict(pair.split("=", 1) for pair in OWN["content"].split("&"))
    assert signing.sign({**params, "sign": "x", "empty": ""}, key) == OWN["sign"]


@pytest.mark.parametrize("shape", ["spki", "pkcs1", "bare", "bare pkcs1"])
def test_a_public_key_is_read_in_every_form(shape: str) -> None:
    key = signing.public_key(OWN["public_key"], "test")
    spki = key.public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    pkcs1 = key.public_bytes(PEM, serialization.PublicFormat.PKCS1).decode()
    text = {"spki": spki, "pkcs1": pkcs1, "bare": bare(spki), "bare pkcs1": bare(pkcs1)}[shape]
    assert signing.public_key(text, "test").public_numbers() == key.public_numbers()


def test_a_sha1_signature_never_verifies(app_key: rsa.RSAPrivateKey) -> None:
    raw = app_key.sign(b"text", padding.PKCS1v15(), hashes.SHA1())
    signature = base64.b64encode(raw).decode()
    assert not signing.verified(b"text", signature, app_key.public_key())


@pytest.mark.parametrize("signature", ["", "x", "====", "签名", "A" * 344, "AA\nAA"])
def test_an_odd_signature_does_not_verify(signature: str, app_key: rsa.RSAPrivateKey) -> None:
    assert not signing.verified(b"text", signature, app_key.public_key())


@pytest.mark.parametrize(
    "text", ["", "secret secret", "SECRETBASE64==", "-----BEGIN PRIVATE KEY-----\nSECRET\n"]
)
def test_a_key_that_is_none_is_one_clear_line_without_its_text(text: str) -> None:
    for load in (signing.private_key, signing.public_key):
        with pytest.raises(ConfigError, match=r"^the\.file: ") as caught:
            load(text, "the.file")
        assert "SECRET" not in str(caught.value)
        assert "\n" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_keys_of_another_kind_or_too_short_are_refused() -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    pkcs8 = serialization.PrivateFormat.PKCS8
    with pytest.raises(ConfigError, match="not an RSA"):
        signing.private_key(curve.private_bytes(PEM, pkcs8, NO_PASSWORD).decode(), "f")
    short = rsa.generate_private_key(65537, 1024)
    with pytest.raises(ConfigError, match="1024 bits"):
        signing.private_key(short.private_bytes(PEM, pkcs8, NO_PASSWORD).decode(), "f")


def test_a_private_key_in_the_public_slot_is_refused() -> None:
    with pytest.raises(ConfigError, match="not an RSA public key"):
        signing.public_key(OWN["private_key_pkcs8_pem"], "f")


def test_our_own_public_key_in_alipays_place_is_refused(app_key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(ConfigError, match="应用公钥") as caught:
        Application("2021", app_key, app_key.public_key(), "BOX-1", "MZ03")
    assert "\n" not in str(caught.value)


def test_no_repr_holds_a_key(app_key: rsa.RSAPrivateKey, alipay_key: rsa.RSAPrivateKey) -> None:
    text = repr(Application("2021", app_key, alipay_key.public_key(), "BOX-1", "MZ03"))
    assert "key" not in text.replace("desk", "").lower()
