"""The envelope opened and made by a few lines that share nothing with the product."""

import gzip
import json
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from device.sync import wire

KEY = bytes(range(32))


def test_a_batch_is_opened_by_a_stranger() -> None:
    batch = wire.Batch("BOX-0007", "1.0.0", "ab" * 8, 5, health={"backlog": 0})
    body = wire.seal(
        KEY, wire.write_batch(batch), wire.request_context("BOX-0007", "1"), os.urandom(12)
    )
    nonce, sealed = body[:12], body[12:]
    packed = AESGCM(KEY).decrypt(nonce, sealed, b"POST|/v1/sync|BOX-0007|1")
    assert json.loads(gzip.decompress(packed)) == {
        "v": 1,
        "box": "BOX-0007",
        "version": "1.0.0",
        "epoch": "ab" * 8,
        "first": 5,
        "health": {"backlog": 0},
        "rows": [],
    }


def test_a_strangers_answer_is_opened() -> None:
    request = bytes.fromhex("00112233445566778899aabb") + b"whatever was sent"
    message = b'{"epoch":"abab","ack":4,"v":1,"do":[],"rejected":[]}'
    nonce = os.urandom(12)
    context = b"200|/v1/sync|BOX-0007|1|00112233445566778899aabb"
    body = nonce + AESGCM(KEY).encrypt(nonce, gzip.compress(message, 1), context)
    ours = wire.answer_context(200, "BOX-0007", "1", request)
    assert wire.read_answer(200, wire.unseal(KEY, body, ours)) == wire.Answer("abab", 4)
