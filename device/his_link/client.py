"""`paybox his ADDRESS TYPE key=value...`: a HIS on the command line, for integrators."""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from device.config import read_key
from device.domain.words import Form
from device.his_link.acceptance.report import accept, print_report
from device.his_link.acceptance.visit import Visit
from device.his_link.body import Writing
from device.his_link.calls import Fields, NoAnswer
from device.his_link.host import ANSWER_TIMEOUT_S, Client, OpenStream
from device.his_link.xml_body import FLAGS, NUMBERS

ANSWERED, NOT_PAID, USAGE = 0, 1, 2
"""Exit codes: paid or answered; an error or not paid; a wrong command line."""

PAY_TIMEOUT_S = 400.0  # the longest ttl (300 s) and the 90 s in which the box speaks for certain
WITHOUT_ANSWER = frozenset({"received", "show"})
REFUSED_WITHIN_S = 0.5  # such a message is answered only if it is refused, and then at once
ANSWERS: Final = frozenset({"result", "refund_result"})
GOOD = frozenset({"paid", "refunded", "pending", "unknown"})
"""A result still `unknown` is an answer too, where waiting was not wanted."""

ABOUT = """\
Speak the box's own HIS protocol from the command line: the quickest way to see what your program
will have to send and what it will get.

ADDRESS is tcp://HOST:PORT, tls://HOST:PORT?ca=box-cert.pem or
serial:///dev/ttyUSB0?baudrate=9600.
Every answer is printed as one line of JSON. A result is acknowledged with `received`, as your
program must do. The exit code is 0 when paid or answered, 1 for an error or not paid, 2 for a
wrong command line.
"""
TYPES = {
    "enq": "is anybody there? (a control byte, no message)",
    "hello": "v=1 his=NAME operator=NUMBER: who is here; names what is unsettled and undelivered",
    "status": "every part of the box: ok, warn or fail",
    "pay": "id= amount= business= [try= wallet= ttl_s= title= confirm= supersede= ...]: collect",
    "query": "id= [try=]: what became of it; changes nothing",
    "cancel": "id= [try=]: stop collecting; a success that comes after it goes back",
    "confirm": "id= booked=true|false [try=]: after `pay confirm=true`, the second step of booking",
    "received": "id= revision=: the result was taken; it is not offered again",
    "reverse": "id= pay_id=: undo a payment wholly",
    "refund": "id= pay_id= (or out_trade_no=) amount= [reason=]: give a part or all back",
    "refund_query": "id=: what became of a reverse or refund",
    "last": "the newest result of this box",
    "summary": "date=2026-11-22 [operator=]: taken and given back that day, by wallet and business",
    "show": "text='line 1\\nline 2' [seconds=]: shown to the patient while nobody pays",
}
EXAMPLES = """\
examples
  is the box there, and is it well?
    paybox his tcp://127.0.0.1:7601 enq
    paybox his tcp://127.0.0.1:7601 status
  collect 12.34 yuan and wait until it is paid or not:
    paybox his tcp://127.0.0.1:7601 pay id=T1 amount=12.34 business=outpatient_fee title=门诊收费
  the same in fen, for an inpatient deposit, WeChat only, at most 60 seconds:
    paybox his tcp://127.0.0.1:7601 pay id=T2 amount_fen=500000 business=inpatient_deposit \\
        department=inpatient wallet=wechat ttl_s=60
  was T1 paid? (ask this whenever you did not hear, never simply collect again)
    paybox his tcp://127.0.0.1:7601 query id=T1
  the patient ran away before paying; collecting again after not_paid is the next try:
    paybox his tcp://127.0.0.1:7601 cancel id=T1
    paybox his tcp://127.0.0.1:7601 pay id=T1 try=2 amount=12.34 business=outpatient_fee
  book in two steps: `paid` is an offer until you confirm it, false gives the money back:
    paybox his tcp://127.0.0.1:7601 pay id=T4 amount=12.34 business=outpatient_fee confirm=true
    paybox his tcp://127.0.0.1:7601 confirm id=T4 booked=true
  the amount was wrong and nobody has paid yet: the right one takes its place:
    paybox his tcp://127.0.0.1:7601 pay id=T5 amount=9.90 business=outpatient_fee supersede=true
  what was taken today, for the cashier's daily balance; a text for the waiting patients:
    paybox his tcp://127.0.0.1:7601 summary date=2026-11-22 operator=0117
    paybox his tcp://127.0.0.1:7601 show text='收费处午休\\n13:30 再来' seconds=600
  undo T1 wholly; give back 5 yuan of it; the ids R1 and F1 are new ones:
    paybox his tcp://127.0.0.1:7601 reverse id=R1 pay_id=T1
    paybox his tcp://127.0.0.1:7601 refund id=F1 pay_id=T1 amount=5.00 reason=退号
  as a HIS that writes XML in GBK (the box must be configured for gbk):
    paybox his tcp://127.0.0.1:7601 --xml --encoding gbk query id=T1
  sealed, where the box is configured for it; the key file is a copy of the box's:
    paybox his tcp://10.1.2.3:7601 --key his.key status
  inside TLS; ca is the box's certificate or its authority's:
    paybox his 'tls://10.1.2.3:7601?ca=box-cert.pem' status
  does a box keep to the protocol? payments of a few fen; with --scan a person scans, and they are
  real; without it made-up codes are sent, which only the emulated providers take:
    paybox his tcp://127.0.0.1:7601 acceptance
    paybox his tcp://127.0.0.1:7601 acceptance business_date=2026-11-22   where ids restart daily
  over a serial cable:
    paybox his 'serial:///dev/ttyUSB0?baudrate=9600' pay id=T3 amount=0.01 business=registration
"""


def _flag(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


CONVERSIONS: dict[str, Callable[[str], object]] = dict.fromkeys(NUMBERS, int) | dict.fromkeys(
    FLAGS, _flag
)
CONVERSIONS["text"] = lambda text: text.replace(r"\n", "\n")
"""All other fields are text; `amount` too: yuan are never a JSON number."""


def main(argv: Sequence[str], open_stream: OpenStream) -> int:
    """Run the command; `argv` is what follows `paybox his`. Return the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        fields = dict(_pair(text) for text in arguments.fields)
    except ValueError as error:
        parser.error(str(error))
    try:
        return asyncio.run(_run(arguments, fields, open_stream))
    except ValueError as error:
        parser.error(str(error))
    except NoAnswer as error:
        _say(f"{error}. The result may exist all the same: ask with `query`.")
    except OSError as error:
        why = getattr(error, "verify_message", "") or error.strerror or "no answer"
        _say(f"cannot reach {arguments.address}: {why}")
    except KeyboardInterrupt:
        _say("stopped. The box goes on: ask with `query`, stop it with `cancel`.")
    return NOT_PAID


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paybox his",
        description=ABOUT,
        epilog=f"types\n{_types()}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("address", metavar="ADDRESS")
    parser.add_argument("type", metavar="TYPE", help="pay, query, confirm, ... (below)")
    parser.add_argument("fields", metavar="key=value", nargs="*")
    parser.add_argument("--no-wait", action="store_true", help="end at the first answer")
    parser.add_argument("--xml", action="store_true", help="write XML instead of JSON")
    parser.add_argument("--encoding", choices=("utf-8", "gbk"), default="utf-8")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the desk's his.key: sealed link")
    parser.add_argument("--scan", action="store_true", help="acceptance: a person scans real codes")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="give up waiting")
    return parser


def _types() -> str:
    return "\n".join(f"  {name:<13}{what}" for name, what in TYPES.items())


def _pair(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"{text!r} is not key=value")
    try:
        return name, CONVERSIONS.get(name, str)(value)
    except (ValueError, KeyError):
        raise ValueError(f"{name} cannot be {value!r}") from None


async def _run(arguments: argparse.Namespace, fields: Fields, open_stream: OpenStream) -> int:
    form = Form.XML if arguments.xml else Form.JSON
    writing = Writing(arguments.encoding, form)
    key = read_key(arguments.key) if arguments.key else None
    if arguments.type == "acceptance":
        prompt = _say if arguments.scan else None
        visit = Visit(arguments.address, open_stream, writing, key, prompt=prompt)
        visit.business_date = str(fields.get("business_date", ""))
        return print_report(arguments.address, await accept(visit))
    client = await Client.connect(arguments.address, open_stream, writing, key=key)
    try:
        return await _talk(client, arguments, fields)
    finally:
        client.close()


async def _talk(client: Client, arguments: argparse.Namespace, fields: Fields) -> int:
    type_: str = arguments.type
    if type_ == "enq":
        _print({"type": "enq", "answered_ms": round(1000 * await client.enq(), 1)})
        return ANSWERED
    if type_ in WITHOUT_ANSWER:
        return await _told(client, type_, fields)
    slow = type_ in {"pay", "reverse", "refund"}
    timeout_s = arguments.timeout or (PAY_TIMEOUT_S if slow else ANSWER_TIMEOUT_S)
    try:
        async with asyncio.timeout(timeout_s):
            answer = await _asked(client, type_, fields)
            while slow and not arguments.no_wait and answer.get("status") == "unknown":
                answer = await _next_about(client, fields)
    except TimeoutError:
        raise NoAnswer(f"nothing final in {timeout_s:g} s") from None
    return _exit_code(type_, answer)


async def _told(client: Client, type_: str, fields: Fields) -> int:
    """Send what has no answer, unless the box refuses it."""
    try:
        refused = await client.request(type_, fields, timeout_s=REFUSED_WITHIN_S)
    except NoAnswer:
        if not client.is_open:
            raise
        return ANSWERED
    _print(refused)
    return NOT_PAID


async def _asked(client: Client, type_: str, fields: Fields) -> Fields:
    """Return the answer; what comes about the id in the meantime is printed as it comes."""
    progress = asyncio.create_task(_print_progress(client, fields))
    try:
        answer = await client.request(type_, fields, timeout_s=PAY_TIMEOUT_S)
    finally:
        progress.cancel()
    await _take(client, answer, fields)
    return answer


async def _print_progress(client: Client, fields: Fields) -> None:
    with contextlib.suppress(NoAnswer):  # the request itself fails with it
        while True:
            message = await client.unasked()
            if message.get("id") == fields.get("id"):
                await _take(client, message, fields)


async def _next_about(client: Client, fields: Fields) -> Fields:
    while True:
        message = await client.unasked()
        if message.get("id") != fields.get("id"):
            continue  # another program's: it must acknowledge that itself
        await _take(client, message, fields)
        if message.get("type") in ANSWERS:
            return message


async def _take(client: Client, message: Fields, fields: Fields) -> None:
    """Print a message and, if it is a result, tell the box that we have it."""
    _print(message)
    if message.get("type") in ANSWERS:
        date = message.get("business_date") or fields.get("business_date")
        dated = {"business_date": date} if date else {}
        receipt = {"id": message["id"], "revision": message["revision"], **dated}
        await client.tell("received", receipt)


def _exit_code(type_: str, answer: Fields) -> int:
    if answer.get("type") == "error":
        return NOT_PAID
    if type_ == "confirm":  # only `paid` with `booked` counts; a refusal does unless it stays paid
        return ANSWERED if answer["booked"] or answer["status"] != "paid" else NOT_PAID
    wanted = GOOD | {"not_paid"} if type_ == "cancel" else GOOD
    return ANSWERED if answer.get("status", "paid") in wanted else NOT_PAID


def _print(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _say(text: str) -> None:
    sys.stderr.write(f"paybox his: {text}\n")
