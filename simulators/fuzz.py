"""Fuzzing: seeded mutations of valid input against every parser the outside world can reach.

No input may raise what the contract does not name, and no changed answer of a provider may ever
become money moved: the valid answers are made and signed by the emulated gateways.
"""

import argparse
import asyncio
import contextlib
import json
import random
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from device import config
from device.channels.alipay.application import Application
from device.channels.alipay.client import AlipayChannel
from device.channels.http import HttpClient, Route
from device.channels.wechat.client import WechatChannel
from device.channels.wechat.merchant import Merchant
from device.clock import SystemClock
from device.domain.outcome import Paid, PayOrder, Refunded, RefundOrder, Returned
from device.domain.payer_code import classify
from device.domain.ports import Channel
from device.drivers.hid_pos import layout_of
from device.drivers.scan_assembler import KEYBOARD, ScanAssembler
from device.errors import BundleRefused, ConfigError
from device.his_link import frames
from device.his_link.body import read
from device.his_link.dialects import DIALECTS, Dialect, Site
from device.his_link.handshake import Accepted, BoxEnd, HisEnd, Opened
from device.his_link.messages import Codec
from device.his_link.seal import HIS_TO_BOX, DeskKey, Opener, Seal
from device.his_link.text import ENCODINGS, BadBody
from device.provisioning.bundle import Title, pack, unpack
from device.provisioning.codes import Parts, part_of, passphrase_of, split
from simulators import fuzz_sync
from simulators.gateway.identities import Identities, identities
from simulators.gateway.provider import Provider
from simulators.gateway.wire import HttpRequest

MOST_MUTATIONS = 4
NUMBER = "MZ03" + "A" * 28
TOTAL_FEN = 12345
BODIES = (
    b'{"type":"pay","id":"MZ1","amount":"123.45","business":"outpatient_fee","try":1}',
    b'{"type":"refund","id":"R1","pay_id":"MZ1","amount_fen":100,"reason":"x"}',
    b'{"type":"received","id":"MZ1","revision":3}',
)
XML_BODIES = (
    b"<pay><id>MZ1</id><amount>123.45</amount><business>outpatient_fee</business></pay>",
    '<?xml version="1.0"?><refund><id>R1</id><pay_id>MZ1</pay_id><amount_fen>100</amount_fen>'
    "<reason><![CDATA[退]]>&amp;&#36864;</reason></refund>".encode("gb18030"),
    b"<result><re>01</re><id>MZ1</id><booked>false</booked><rows><item>1</item></rows></result>",
)
DESK_KEY, NONCE = DeskKey.of(bytes(32)), bytes(16)
TO_BOX, _TO_HIS = DESK_KEY.directions(NONCE, NONCE)
SEALED_BODIES = (
    Seal(TO_BOX, HIS_TO_BOX).seal(1, BODIES[0])[1],
    json.dumps(HisEnd(DESK_KEY).hello(NONCE)[1]).encode(),
)
HID_POS = bytes.fromhex(
    "058C0902A10185027508950105 01093B8102058C953809FE8202017501950109FF81029507 8103C0"
)
SCANS = (b"134567890123456789\r", b"]Q1284567890123456789\r\n", b"\t\x1b284567890123456789\n")
INTERESTING = (
    b"\x00",
    b"\xff",
    b"<",
    b"&",
    b"]]>",
    b'"',
    b"\\",
    b"}",
    b"{",
    b"\x02",
    b"\x03",
    b"9",
)


@dataclass(frozen=True, slots=True)
class Target:
    """A parser, valid inputs for it, and what must hold of it."""

    name: str
    seeds: Sequence[bytes]
    run: Callable[[bytes], None]
    """Raises if something is wrong."""


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Change a few places: replace, insert, delete, repeat, cut."""
    for _ in range(chance.randint(1, MOST_MUTATIONS)):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 1, 1, 2, 8, 64)))
        piece = chance.choice((b"", chance.randbytes(1), chance.choice(INTERESTING), data[at:end]))
        data = data[:at] + piece + data[chance.choice((at, end)) :]
    return data


# ---------------------------------------------------------------- the HIS, the scanner, the file


def his_bytes(data: bytes) -> None:
    """The frame decoder holds at most one body and never raises."""
    decoder = frames.Decoder(8192)
    for at in range(0, len(data), 7):
        decoder.feed(data[at : at + 7], at / 100)


def his_body(data: bytes) -> None:
    """A body becomes a request or an error, at the HIS's end a message or none."""
    for encoding in ENCODINGS:
        Codec(desk="MZ-03", max_amount_fen=5_000_000, encoding=encoding).parse(data)
        with contextlib.suppress(BadBody):
            read(data, encoding)


def his_hello(data: bytes) -> None:
    """Nothing but the seeds' own hello and sealed body moves an end."""
    box, his = BoxEnd(DESK_KEY, Opener(TO_BOX, HIS_TO_BOX)), HisEnd(DESK_KEY, NONCE)
    for seq in (1, 2):
        _, taken = box.take(seq, data, NONCE)
        assert not isinstance(taken, Opened) or taken.body == BODIES[0]
        _, heard = his.take(seq, data)
        assert not isinstance(heard, Opened | Accepted)


def scan(data: bytes) -> None:
    """Characters become codes or are thrown away; a code is told apart."""
    assembler = ScanAssembler(KEYBOARD)
    for at, char in enumerate(data.decode("latin-1")):
        result = assembler.char(char, at / 100)
        text = getattr(result, "text", "")
        classify(text, refuse_id_cards=True, today=SystemClock().wall().date())


def hid_descriptor(data: bytes) -> None:
    """A descriptor gives a layout or none, and the layout reads any report."""
    layout = layout_of(data)
    if layout:
        layout.read(data)


def provisioning_code(data: bytes) -> None:
    """A code is a part, a passphrase or neither; parts become a bundle or are told."""
    text = data.decode("latin-1")
    passphrase_of(text)
    part = part_of(text)
    if part:
        Parts().plus(part).whole()


def provisioning_files(data: bytes) -> None:
    """What was sealed is files or is refused."""
    for parse in (unpack, Title.from_bytes):
        with contextlib.suppress(BundleRefused):
            parse(data)


def config_file(folder: Path) -> Callable[[bytes], None]:
    """A configuration loads or is refused in one line."""

    def run(data: bytes) -> None:
        path = folder / "paybox.toml"
        path.write_bytes(data)
        try:
            config.load(path)
        except ConfigError as error:
            if "\n" in str(error):
                raise

    return run


# ---------------------------------------------------------------- the providers' answers


Call = Callable[[], Coroutine[Any, Any, object]]


class Tape(httpx.AsyncBaseTransport):
    """Answers with the emulated provider's bytes, or with whatever was put in their place."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.said = b""
        self.instead: bytes | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request."""
        if self.instead is not None:
            return httpx.Response(200, content=self.instead)
        headers = {k.lower(): v for k, v in request.headers.items()}
        target = request.url.raw_path.decode()
        delivery = self._provider.receive(HttpRequest("POST", target, headers, request.content))
        assert delivery.answer
        self.said = delivery.answer.body
        return httpx.Response(delivery.answer.status, content=self.said)


def channels(keys: Identities, tape: Tape) -> tuple[Channel, Channel]:
    """Both real channels over the tape."""
    client, clock = HttpClient(Route(transport=tape)), SystemClock()
    merchant = Merchant(keys.appid, keys.mch_id, keys.wechat_key, "BOX-0001", "MZ03")
    from device.channels.alipay import signing  # noqa: PLC0415  its names are too general above

    own = signing.private_key(keys.path("app_private_key.pem").read_text(), "app key")
    theirs = signing.public_key(keys.path("alipay_public_key.pem").read_text(), "alipay key")
    return (
        WechatChannel(merchant, client, client, base_url="http://127.0.0.1", clock=clock),
        AlipayChannel(
            Application(keys.app_id, own, theirs, "BOX-0001", "MZ03"),
            client,
            gateway_url="http://127.0.0.1/gateway.do",
            clock=clock,
        ),
    )


def one_way_lines() -> list[Target]:
    """A target for each dialect of displays and announcers."""
    bursts = (
        b"\x1b@\x1bs2\x1bQA12.34\r\x02L0100\x02B0",
        "\x0c\x1bQATOTAL 12.34\r\x1bl\x01\x02应收：12.34\x1f$\x01\x01".encode("gbk"),
        "W12.34J20YD112.34P&C11张三$&Sc$".encode("gbk"),
    )

    def target(dialect: Dialect) -> Target:
        def run(data: bytes) -> None:
            decoder = dialect.make(Site(r"([0-9.,]+)"))
            found = [
                d for at in range(0, len(data), 7) for d in decoder.feed(data[at : at + 7], at)
            ]
            assert sum(len(d.raw) for d in found) <= len(data)
            assert all(d.said.amount_fen >= 0 for d in found if d.said)

        return Target(f"line {dialect.name}", bursts, run)

    return [target(dialect) for dialect in DIALECTS.values()]


def answers(keys: Identities, loop: asyncio.AbstractEventLoop) -> list[Target]:
    """A target for each money-moving call of each wallet."""
    tape = Tape(Provider(keys.merchant))
    targets = []
    for channel, code in zip(
        channels(keys, tape), ("134567890123456789", "284567890123456789"), strict=True
    ):
        order = PayOrder(NUMBER, TOTAL_FEN, code, "门诊收费")
        refund = RefundOrder(NUMBER, "R" + "B" * 31, 100, TOTAL_FEN)
        calls: tuple[tuple[str, Call], ...] = (
            ("pay", partial(channel.pay, order)),
            ("query", partial(channel.query, NUMBER, TOTAL_FEN)),
            ("refund", partial(channel.refund, refund)),
            ("refund query", partial(channel.query_refund, refund)),
        )
        for name, call in calls:
            tape.instead = None
            loop.run_until_complete(call())
            run = _believe(tape, loop, call, tape.said)
            targets.append(Target(f"{channel.wallet} {name}", (tape.said,), run))
    return targets


def _believe(
    tape: Tape, loop: asyncio.AbstractEventLoop, call: Call, said: bytes
) -> Callable[[bytes], None]:
    honest = repr(loop.run_until_complete(call()))
    tape_said = said

    def run(data: bytes) -> None:
        tape.instead = data
        outcome = loop.run_until_complete(call())
        moved = isinstance(outcome, Paid | Returned | Refunded)
        # White space between tags is no change of meaning: then the outcome is the honest one.
        assert not moved or data == tape_said or repr(outcome) == honest, outcome

    return run


# ---------------------------------------------------------------- the run


def all_targets(folder: Path, loop: asyncio.AbstractEventLoop) -> list[Target]:
    """Every parser."""
    keys = identities(folder / "keys")
    toml = b'[box]\nid="B1"\ndesk="MZ-03"\ndesk_code="MZ03"\ndata_dir="."\nkey_file="k"\n[his]\n'
    return [
        Target("his bytes", [frames.encode(1, b) for b in BODIES], his_bytes),
        Target("his body", BODIES, his_body),
        Target("sync batch", (fuzz_sync.BATCH_TEXT,), fuzz_sync.batch),
        Target("sync answer", fuzz_sync.ANSWER_TEXTS, fuzz_sync.answer),
        Target("sync sealed", (fuzz_sync.SEALED,), fuzz_sync.sealed),
        Target("his xml body", XML_BODIES, his_body),
        Target("his sealed body", SEALED_BODIES, his_hello),
        Target("scan", SCANS, scan),
        Target("hid report descriptor", (HID_POS,), hid_descriptor),
        Target("provisioning code", [c.encode() for c in split(bytes(2000))], provisioning_code),
        Target("provisioning files", (pack({"paybox.toml": b"x"}),), provisioning_files),
        *one_way_lines(),
        Target("configuration", (toml,), config_file(folder)),
        *answers(keys, loop),
    ]


def fuzz(seconds: float, seed: int, folder: Path) -> tuple[dict[str, int], list[str]]:
    """Run all targets in turn; return how often each ran, and what was found."""
    chance, loop = random.Random(seed), asyncio.new_event_loop()  # noqa: S311  replayable
    counts: dict[str, int] = {}
    found: list[str] = []
    try:
        targets = all_targets(folder, loop)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not found:
            for target in targets:
                counts[target.name] = counts.get(target.name, 0) + 1
                data = mutate(chance.choice(target.seeds), chance)
                try:
                    target.run(data)
                except Exception as error:  # noqa: BLE001  whatever comes out is the finding
                    found.append(f"{target.name}: {type(error).__name__}: {data!r}")
    finally:
        loop.close()
    return counts, found


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line: exit code 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m simulators.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args(argv)
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="paybox-fuzz-") as folder:
        counts, found = fuzz(options.seconds, options.seed, Path(folder))
    for name, count in counts.items():
        print(f"{name:<22} {count:>8}")
    print("\n".join(found) if found else "nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
