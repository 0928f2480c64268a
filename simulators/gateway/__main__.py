"""``paybox gateway``: both provider gateways on this machine, scriptable."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from simulators.gateway import scenario
from simulators.gateway.behaviours import TABLE, BadScript
from simulators.gateway.identities import identities
from simulators.gateway.rules import Rules
from simulators.gateway.server import Gateway

USAGE_ERROR = 2
_EPILOG = """\
When listening, one line is printed:
  ready wechat=http://127.0.0.1:PORT alipay=http://127.0.0.1:PORT/gateway.do keys=DIR [tls=https://...]

DIR holds all keys and certificates a box needs, under the names paybox.toml uses (made at the
first start). merchant.json has the appid, mch_id and app_id to write into paybox.toml.

A scenario file binds behaviours to payments (TOML, or the same as JSON):

  [[bind]]
  match = { digits = "7777" }        # or code, amount_fen, next = true, out_trade_no, wallet
  do = ["password_never"]

  [[bind]]
  match = { amount_fen = 1313 }
  do = [{ name = "system_error" }, { name = "recall", times = 2 }]

The same at run time, with the clock, the book and the patient's phone:
  curl -d '{"match": {"next": true}, "do": ["drop_after"]}' http://127.0.0.1:PORT/_admin/behaviours
  curl -d '{"advance_s": 60}' http://127.0.0.1:PORT/_admin/clock
  curl http://127.0.0.1:PORT/_admin/book
  curl -d '{"wallet": "wechat"}' http://127.0.0.1:PORT/_admin/phone/new-code
  curl http://127.0.0.1:PORT/_admin/phone/CODE
  curl -d '{"ok": true}' http://127.0.0.1:PORT/_admin/phone/CODE/password

The bills of a day are served from ten the next morning, as they were or with differences:
  curl -d '{"day": "2026-11-22", "seed": 7, "each": 2}' http://127.0.0.1:PORT/_admin/differences

`paybox gateway --list` prints all behaviours.
"""


def main(argv: list[str]) -> int:
    """Run until SIGINT or SIGTERM; exit 2 with one line for a wrong scenario or a taken port."""
    options = _parser().parse_args(argv)
    if options.list:
        print(behaviour_table())
        return 0
    try:
        asyncio.run(_run(options))
    except (BadScript, OSError) as error:
        print(f"paybox gateway: {error}", file=sys.stderr)
        return USAGE_ERROR
    return 0


def behaviour_table() -> str:
    """All behaviours: name, calls, parameters with defaults, what it does."""
    lines = []
    for name, one in TABLE.items():
        on = "any" if len(one.calls) > 1 else one.calls[0]
        wallets = "" if len(one.wallets) > 1 else f" [{one.wallets[0]}]"
        given = " ".join(f"{key}={value!r}" for key, value in one.parameters.items())
        lines.append(f"{name:26}{on:13}{one.says}{wallets}{'; ' if given else ''}{given}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    rules = Rules()
    parser = argparse.ArgumentParser(
        prog="paybox gateway",
        description="WeChat Pay v2 and Alipay barcode payment, emulated on 127.0.0.1.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=0, metavar="N", help="plain HTTP; 0 = any free port (default)")
    add("--tls-port", type=int, metavar="N", help="the same over TLS, client certificate optional")
    add("--certs", type=Path, default=Path("gateway-keys"), metavar="DIR",
        help="keys and certificates; made if missing (default: gateway-keys)")  # fmt: skip
    add("--scenario", type=Path, metavar="FILE", help="behaviours to bind, TOML or JSON")
    add("--book", type=Path, metavar="FILE", help="append each change of the book, JSON lines")
    add("--merchant-name", default=rules.merchant_name, metavar="NAME", help="on the phone")
    add("--password-from-fen", type=int, default=rules.password_from_fen, metavar="FEN",
        help="from here the phone asks for the password (default: 100000)")  # fmt: skip
    add("--code-life-s", type=float, default=rules.code_life_s, metavar="S",
        help="life of a code the phone API issues (default: 60)")  # fmt: skip
    add("--only-issued-codes", action="store_true", help="refuse codes the phone API did not issue")
    add("--refund-processing-s", type=float, default=0, metavar="S", help="refunds take so long")
    add("--bill-columns", type=int, choices=(24, 27), default=rules.wechat_bill_columns,
        help="of WeChat's bill (default: 27)")  # fmt: skip
    add("--list", action="store_true", help="print all behaviours and exit")
    return parser


def _rules(options: argparse.Namespace) -> Rules:
    return Rules(
        merchant_name=options.merchant_name,
        password_from_fen=options.password_from_fen,
        code_life_s=options.code_life_s,
        only_issued_codes=options.only_issued_codes,
        refund_processing_s=options.refund_processing_s,
        wechat_bill_columns=options.bill_columns,
    )


async def _run(options: argparse.Namespace) -> None:
    bindings = scenario.load(options.scenario) if options.scenario else []
    gateway = Gateway(
        identities(options.certs),
        port=options.port,
        tls_port=options.tls_port,
        rules=_rules(options),
        book_file=options.book,
    )
    gateway.bind(*bindings)
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with gateway:
        print(_ready(gateway), flush=True)
        await over.wait()


def _ready(gateway: Gateway) -> str:
    line = f"ready wechat={gateway.wechat_url} alipay={gateway.alipay_url}"
    line += f" keys={gateway.identities.directory}"
    return line if gateway.tls_port is None else f"{line} tls={gateway.tls_url}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
