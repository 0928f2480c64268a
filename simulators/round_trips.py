"""`make round-trips`: how long a HIS waits for an answer during a payment, on each kind of link.

The real program in a process of its own; a patient who never types the password keeps it paying
while the HIS asks ENQ, `query` and `status` in turn.
"""

import argparse
import asyncio
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from device.clock import BEIJING
from device.drivers.streams import open_stream
from device.his_link.host import Client
from simulators.bench.report import machine
from simulators.bench.stand import AMOUNT_FEN, Stand, at
from simulators.pki import make_pki

QUESTIONS = 300
SECURITY = ("none", "aes", "tls")
LIMIT_MS = 50  # his-link §3.11
ID = "B1"


class SecureStand(Stand):
    """A stand whose HIS link is plain, sealed or inside TLS."""

    def __init__(self, directory: Path, security: str) -> None:
        super().__init__(directory)
        self._key = secrets.token_bytes(32) if security == "aes" else None
        self._query = ""
        self.more = {"his": {"security": security}, "his.tls": self._files(directory, security)}

    def _files(self, directory: Path, security: str) -> Mapping[str, object]:
        if self._key:
            (directory / "his.key").write_bytes(self._key)
        if security != "tls":
            return {}
        pki = make_pki(directory / "pki")
        self._query = f"?ca={pki.ca}"
        return {"cert_file": str(pki.box_cert), "key_file": str(pki.box_key)}

    async def connect(self) -> None:
        """The HIS opens its end."""
        address = self._address
        if self._query:
            address = address.replace("tcp:", "tls:") + self._query
        self.client = await Client.connect(address, open_stream, key=self._key)

    async def _state(self) -> object:
        return (await self.client.request("query", {"id": ID})).get("state")

    async def keep_paying(self) -> "asyncio.Future[dict[str, object]]":
        """A patient shows a code and never types the password."""
        fields = {"id": ID, "amount_fen": AMOUNT_FEN, "business": "outpatient_fee"}
        asked = asyncio.ensure_future(self.client.request("pay", fields, timeout_s=120.0))
        await self._armed()
        code = await self.provider.new_code("wechat")
        await self.provider.bind(code, [{"name": "password_never"}])
        self._scanner.read_code(code)
        while await self._state() != "password":  # noqa: ASYNC110  as a HIS asks
            await asyncio.sleep(0.1)
        return asked


async def _timed(ask: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await ask()
    return (time.perf_counter() - began) * 1e3


async def measure(security: str, questions: int, directory: Path) -> None:
    """Print one line for each kind of question."""
    stand = SecureStand(directory, security)
    try:
        await stand.start()
        asked = await stand.keep_paying()
        kinds: dict[str, Callable[[], Awaitable[object]]] = {
            "ENQ": stand.client.enq,
            "query": lambda: stand.client.request("query", {"id": ID}),
            "status": lambda: stand.client.request("status"),
        }
        for name, ask in kinds.items():
            times = [await _timed(ask) for _ in range(questions)]
            late = sum(time_ms > LIMIT_MS for time_ms in times)
            print(
                f"{security:<6} {name:<8} p50 {at(times, 50):6.2f} ms   p99 {at(times, 99):6.2f} ms"
                f"   worst {max(times):6.2f} ms   over {LIMIT_MS} ms: {late}",
                flush=True,
            )
        still = not asked.done()
        asked.cancel()
        assert still, "the payment ended before the last question"
    finally:
        await stand.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m simulators.round_trips", description=__doc__)
    parser.add_argument("--questions", type=int, default=QUESTIONS, help="of each kind")
    parser.add_argument("--security", nargs="+", choices=SECURITY, default=SECURITY)
    options = parser.parse_args(argv)
    print(f"{datetime.now(BEIJING):%Y-%m-%d %H:%M}, {machine()}; {options.questions} of each kind")
    for security in options.security:
        with tempfile.TemporaryDirectory(prefix="paybox-trips-") as directory:
            asyncio.run(measure(security, options.questions, Path(directory)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
