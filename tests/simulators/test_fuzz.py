"""A short fuzz, and proof that it would find something."""

import asyncio
from pathlib import Path

import pytest

from device.channels.wechat import client as wechat_client
from simulators.fuzz import all_targets, fuzz

SECONDS = 3.0


def test_no_parser_is_surprised(tmp_path: Path) -> None:
    counts, found = fuzz(SECONDS, 20261122, tmp_path)
    assert found == []
    assert min(counts.values()) > 20


def test_a_client_that_believes_anybody_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wechat_client, "verified", lambda *_: True)
    loop = asyncio.new_event_loop()
    targets = {t.name: t for t in all_targets(tmp_path, loop)}
    target = targets["wechat pay"]
    forged = target.seeds[0].replace(b"<transaction_id>", b"<transaction_id>9", 1)
    forged = forged.replace(b"<transaction_id><![CDATA[", b"<transaction_id><![CDATA[9", 1)
    with pytest.raises(AssertionError):
        target.run(forged)
    loop.close()
