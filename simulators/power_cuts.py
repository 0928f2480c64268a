"""Power cuts: kill -9 at random moments of real payments, then three books are compared.

The box is the real program in a process of its own, with a real TCP link, a real pty scanner and
the gateways over HTTP. Each round asks for an amount, shows a code with some luck bound to it,
pulls the plug at a random moment (sometimes again while the box recovers), starts the box again,
and asks as a HIS does until the answer is final. Then the provider's book, the journal by plain SQL
and the HIS's answer must agree, and at the end no provider holds an order that the journal does not
know.
"""

import argparse
import asyncio
import random
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from device.drivers.streams import open_stream
from device.his_link.calls import NoAnswer
from device.his_link.host import Client
from simulators.demo.children import Child
from simulators.demo.provider import ProviderAdmin
from simulators.demo.scanner import ScannerCable
from simulators.demo.site import make_site, write_config
from simulators.demo.world import box_program, gateway_program

PACE = {
    "poll_interval_s": 0.2,
    "wechat_wait_s": 1.5,
    "alipay_wait_s": 1.5,
    "wechat_reverse_not_before_s": 0.3,
    "wechat_first_query_s": 0.1,
    "wechat_doubt_query_s": 0.1,
    "alipay_first_query_s": 0.1,
    "alipay_doubt_query_s": 0.1,
    "connect_timeout_s": 1.0,
    "read_timeout_pay_s": 1.0,
    "read_timeout_s": 1.0,
}
LUCK: tuple[tuple[dict[str, Any], ...], ...] = (
    (),
    (),
    (),
    ({"name": "password", "after_s": 0.4},),
    ({"name": "password_never"},),
    ({"name": "system_error"},),
    ({"name": "system_error_not_created"},),
    ({"name": "drop_after"},),
    ({"name": "drop_before"},),
    ({"name": "late", "delay_s": 0.3},),
    ({"name": "bad_signature"},),
    ({"name": "http_502"},),
    ({"name": "late_pay", "after_s": 0.3},),
)
START_PATIENCE_S = 30.0
END_PATIENCE_S = 45.0  # the longest wait of PACE, twice, on two busy cores
ASK_EVERY_S = 0.1
SHORTEST_S, LONGEST_S = 0.0005, 2.5  # the cut comes so long after the scan, log-uniform
CUT_AGAIN = 0.3  # so often the plug is pulled once more while the box recovers


@dataclass(slots=True)
class Tally:
    """What the rounds came to."""

    cuts: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Bench:
    """One desk that is plugged and unplugged."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.tally = Tally()
        self._random = random.Random(seed)  # noqa: S311  a replayable choice, not a secret
        self._site = make_site(directory)
        self._scanner = ScannerCable()
        self._gateway = Child(gateway_program(self._site))
        self._box = Child(box_program(self._site))
        self._provider = ProviderAdmin()
        self._port = 0

    async def start(self) -> None:
        """Start the gateways and the box."""
        ready = await self._gateway.start(START_PATIENCE_S)
        self._provider.lead_to(int(ready[1]))
        write_config(
            self._site,
            scanner_port=self._scanner.port,
            network_port=int(ready[1]),
            limits=PACE,
        )
        await self._power_on()

    async def stop(self) -> None:
        """End both."""
        await self._box.stop()
        await self._gateway.stop()
        await self._provider.aclose()
        self._scanner.close()

    async def _power_on(self) -> None:
        ready = await self._box.start(START_PATIENCE_S)
        self._port = int(ready[1])

    async def _power_off(self) -> None:
        await self._box.kill()
        self.tally.cuts += 1

    # ------------------------------------------------------------ one round

    async def round(self, number: int) -> None:
        """Ask, scan, cut, start again, ask until final, compare."""
        his_id, amount_fen = f"CUT{number:05d}", 100 + number
        wallet = self._random.choice(("wechat", "alipay"))
        code = await self._provider.new_code(wallet)
        await self._provider.bind(code, list(self._random.choice(LUCK)))
        await self._pay_and_cut(his_id, amount_fen, code)
        await self._power_on()
        if self._random.random() < CUT_AGAIN:
            await asyncio.sleep(self._moment())
            await self._power_off()
            await self._power_on()
        answer = await self._until_final(his_id)
        self.tally.ends[str(answer.get("status") or answer.get("code"))] += 1
        await self._compare(his_id, amount_fen, answer)

    def _moment(self) -> float:
        spread = LONGEST_S / SHORTEST_S
        return float(SHORTEST_S * spread ** self._random.random())

    async def _pay_and_cut(self, his_id: str, amount_fen: int, code: str) -> None:
        client = await Client.connect(f"tcp://127.0.0.1:{self._port}", open_stream)
        fields = {"id": his_id, "amount_fen": amount_fen, "business": "outpatient_fee"}
        asked = asyncio.ensure_future(client.request("pay", fields, timeout_s=END_PATIENCE_S))
        await self._armed()
        self._scanner.read_code(code)
        await asyncio.sleep(self._moment())
        await self._power_off()
        client.close()
        await asyncio.gather(asked, return_exceptions=True)

    async def _armed(self) -> None:
        """Wait until the lamp asks for a code: then the amount is on the glass or nearly."""
        async with asyncio.timeout(END_PATIENCE_S):
            while self._lamp() != "waiting":  # noqa: ASYNC110  a file tells nobody
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.03)  # the picture follows the lamp within a frame

    def _lamp(self) -> str:
        return self._site.lamp.read_text().strip() if self._site.lamp.exists() else ""

    async def _until_final(self, his_id: str) -> dict[str, Any]:
        async with asyncio.timeout(END_PATIENCE_S):
            client = await Client.connect(f"tcp://127.0.0.1:{self._port}", open_stream)
            try:
                while True:
                    answer = await client.request("query", {"id": his_id})
                    if answer.get("status") != "unknown":
                        return dict(answer)
                    await asyncio.sleep(ASK_EVERY_S)
            finally:
                client.close()

    # ------------------------------------------------------------ three books

    async def _compare(self, his_id: str, amount_fen: int, answer: dict[str, Any]) -> None:
        rows = self._journal(
            "SELECT out_trade_no, state FROM attempts WHERE his_id = ? ORDER BY number", his_id
        )
        trades = await self._provider.trades({number for number, _ in rows})
        held = sum(t.held_fen for t in trades)
        told = amount_fen if answer.get("status") == "paid" else 0
        noted = amount_fen * sum(state == "paid" for _, state in rows)
        if not held == told == noted:
            self.tally.faults.append(
                f"{his_id}: provider {held}, journal {noted}, HIS {told}: {rows} {answer}"
            )

    def _journal(self, sql: str, *values: str) -> list[tuple[str, str]]:
        uri = f"file:{self._site.journal}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            return connection.execute(sql, values).fetchall()

    async def compare_all(self) -> None:
        """No provider holds an order that the journal does not know (M5)."""
        known = {n for n, _ in self._journal("SELECT out_trade_no, state FROM attempts")}
        for trade in await self._provider.trades():
            if trade.out_trade_no not in known:
                self.tally.faults.append(f"{trade.out_trade_no}: not in the journal")


async def cut(rounds: int, seed: int, directory: Path) -> Tally:
    """Run the rounds; the tally's `faults` is empty if all books agree."""
    bench = Bench(directory, seed)
    try:
        await bench.start()
        for number in range(1, rounds + 1):
            await _one(bench, number)
            _progress(bench.tally, number, rounds)
        await bench.compare_all()
    finally:
        await bench.stop()
    return bench.tally


async def _one(bench: Bench, number: int) -> None:
    try:
        await bench.round(number)
    except (TimeoutError, NoAnswer) as error:
        bench.tally.faults.append(f"round {number}: {type(error).__name__}, no final answer")


def _progress(tally: Tally, number: int, rounds: int) -> None:
    if sys.stderr.isatty():
        ends = "  ".join(f"{k} {v}" for k, v in sorted(tally.ends.items()))
        sys.stderr.write(
            f"\r{number}/{rounds}  断电 {tally.cuts}  {ends}  不符 {len(tally.faults)} "
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line: exit code 1 if any two books differ."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.power_cuts", description="kill -9 at random moments of payments"
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args(argv)
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="paybox-cuts-") as directory:
        tally = asyncio.run(cut(options.rounds, options.seed, Path(directory)))
    print(f"\n{options.rounds} payments, {tally.cuts} power cuts, {dict(tally.ends)}")
    for fault in tally.faults:
        print("DIFFERS:", fault)
    print("all books agree" if not tally.faults else f"{len(tally.faults)} differ")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
