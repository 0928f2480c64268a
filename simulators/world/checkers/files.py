# ruff: noqa: D102  `Checker` says what each hook is told; a judge takes what it needs
"""What is on the disk and in the log (M17, M19)."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from simulators.world.checkers.checker import Checker

GENESIS = "0" * 64
PLAIN = ("sha256", "sha1", "md5")
NOT_HASHED = frozenset({"id", "epoch", "prev", "hash"})
DIGEST_ONLY = frozenset({"date", "count", "sum_fen", "last_hash"})
DIGITS = re.compile(rb"[0-9]{11,}")  # a payer code has 16 or more, a patient's number 11
SHORTEST_CODE = 16  # digits of a payer code; shorter scans are garbage that proves nothing


class ChainHolds(Checker):
    """M16, M17: events are gap-free and chained; none was ever changed or lost."""

    invariant = "M17"

    def at_end(self) -> None:
        rows = self.view.disk.rows("SELECT * FROM events ORDER BY id")
        columns = [r[1] for r in self.view.disk.rows("PRAGMA table_info(events)")]
        epoch, seq, before = "", 0, GENESIS
        for values in rows:
            row = dict(zip(columns, values, strict=True))
            if row["epoch"] != epoch:
                epoch, seq, before = row["epoch"], 0, GENESIS
            seq += 1
            if row["seq"] != seq or row["prev"] != before:
                self.blame(f"event {row['id']} does not follow")
            before = _hash(row)
            if row["hash"] != before:
                self.blame(f"event {row['id']} was changed")


def _hash(row: Mapping[str, Any]) -> str:
    apart = NOT_HASHED if row["kind"] == "digest" else NOT_HASHED | DIGEST_ONLY
    left = {k: v for k, v in row.items() if k not in apart}
    text = json.dumps(left, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256((row["prev"] + text).encode()).hexdigest()


class NothingLeaks(Checker):
    """M19: no payer code, key, patient name or number in the journal or a log."""

    invariant = "M19"
    secrets: tuple[str, ...] = ()

    def at_end(self) -> None:
        files = sorted(self.view.disk.directory.glob("life-*/*"))
        for file in files:
            if not file.name.endswith("-shm"):
                self._search(file.name, file.read_bytes())
        self._search("the log", "\n".join(self.view.logged).encode())
        self._guess()

    def _guess(self) -> None:
        """A code has so few digits that a hash without a key gives it away."""
        stored = {row[0] for row in self.view.disk.rows("SELECT code_hash FROM attempts")}
        for code in self.view.scans.glass:
            texts = (code, f"code\n{code}")
            if stored & {hashlib.new(n, t.encode()).hexdigest() for n in PLAIN for t in texts}:
                self.blame("a payer code stands in the journal under a hash without a key")

    def _search(self, place: str, content: bytes) -> None:
        digits = b" ".join(set(DIGITS.findall(content)))
        for code in self.view.scans.glass:
            if len(code) >= SHORTEST_CODE and code.encode() in digits:
                self.blame(f"{place} holds a payer code")
        for number in self.view.scans.identities:
            if number.encode() in digits:
                self.blame(f"{place} holds a patient's number")
        for text in self.secrets:
            if text.encode() in content:
                self.blame(f"{place} holds something secret ({text[:1]}..., {len(text)})")
