"""Alipay's side of a provider: reads, processes, says errors, writes and signs answers."""

import json
from dataclasses import dataclass
from typing import Any

from simulators.gateway.alipay import bill, calls, reading, signing
from simulators.gateway.alipay.calls import Node
from simulators.gateway.behaviours import Rule
from simulators.gateway.book import Book
from simulators.gateway.merchant import Merchant
from simulators.gateway.model import PayOrder, Wallet
from simulators.gateway.scripts import Asked, Turn
from simulators.gateway.wire import Answer, Call, HttpRequest

NO_RULES = Turn(Asked(Wallet.ALIPAY, "", ""))
_HOST = "host"  # to which the request was sent; a bill is to be fetched from there
_METHOD = "method"  # stands among the call's fields; biz_content has no such name


@dataclass(frozen=True, slots=True)
class AlipayDialect:
    """Stateless but for the book."""

    merchant: Merchant
    book: Book

    def read(self, request: HttpRequest) -> Call | Answer:
        """Check everything the gateway checks before business."""
        given = reading.parameters(request)
        try:
            content = reading.check(given, self.merchant)
        except reading.Refuse as refusal:
            return self._refused(given, refusal)
        values = given.values
        asked = Asked(
            Wallet.ALIPAY,
            reading.METHODS[values["method"]],
            self._number(content),
            str(content.get("auth_code", "")),
            calls.fen(content.get("total_amount", "")),
        )
        certificates = bool(values.get("app_cert_sn"))
        host = request.headers.get("host", "")
        fields = {**content, _METHOD: values["method"], _HOST: host}
        return Call(asked, fields, values["sign_type"], given.charset, certificates)

    def order_of(self, call: Call) -> PayOrder:
        """The order of a pay call."""
        return calls.order_of(call)

    def process(self, call: Call, turn: Turn) -> Node:
        """Do it."""
        if call.asked.call == "bill":
            try:
                found = bill.address(call.fields, str(call.fields[_HOST]), self.book)
            except bill.NoBill as none:
                return calls.failure(str(none), "账单不存在")
            return calls.success(bill_download_url=found)
        return calls.CALLS[call.asked.call](self.book, call, turn)

    def error(self, call: Call, rule: Rule) -> Node | Answer:
        """Say a scripted error."""
        number = call.asked.out_trade_no
        match rule.name:
            case "unavailable":
                busy = {"code": "20000", "msg": "Service Currently Unavailable"}
                return {**busy, "sub_code": "isp.unknow-error", "sub_msg": "系统繁忙"}
            case "charset_error":
                return reading.Refuse("isv.invalid-signature", reading.CHARSET_TEXT).node()
            case "error":
                code = rule.get("code") or "ACQ.SYSTEM_ERROR"
                return calls.failure(code, rule.get("text"), out_trade_no=number)
            case _:
                return calls.failure("ACQ.SYSTEM_ERROR", out_trade_no=number)

    def write(self, call: Call, result: Node, turn: Turn) -> Answer:
        """Sign the exact text of the node and write the envelope (alipay §3)."""
        _alter(result, turn)
        root = str(call.fields[_METHOD]).replace(".", "_") + "_response"
        sn = self.merchant.alipay_cert_sn if call.certificates else ""
        return self._envelope(root, _text(result, turn), turn, call.sign_type, call.charset, sn)

    def _envelope(  # noqa: PLR0913 - the parts of the envelope
        self, root: str, node: str, turn: Turn, sign_type: str, charset: str, sn: str
    ) -> Answer:
        used = "RSA" if turn.take("sha1_signature") else sign_type
        sign = signing.sign(node.encode(charset), self.merchant.platform_key, used)
        if turn.take("bad_signature"):
            sign = sign[:-4][::-1] + sign[-4:]
        members = [f'"{root}":{node}']
        if turn.take("duplicate_node"):
            members.append(f'"{root}":' + node.replace('"code":', '"code":"10000","was":', 1))
        if sn:
            members.append(f'"alipay_cert_sn":"{sn}"')
        if not turn.take("no_signature"):
            members.insert(0 if turn.take("sign_first") else len(members), f'"sign":"{sign}"')
        return _answer("{" + ",".join(members) + "}", charset)

    def _refused(self, given: reading.Parameters, refusal: reading.Refuse) -> Answer:
        method = given.values.get("method", "")
        known = method in reading.METHODS
        root = method.replace(".", "_") + "_response" if known else "error_response"
        node = _text(refusal.node(), NO_RULES)
        if not refusal.signed:
            return _answer(f'{{"{root}":{node}}}', given.charset)
        return self._envelope(root, node, NO_RULES, "RSA2", given.charset, "")

    def _number(self, content: Node) -> str:
        """trade_no wins if both are given (alipay §5.2)."""
        by_trade_no = self.book.number_of(Wallet.ALIPAY, str(content.get("trade_no", "")))
        return by_trade_no or str(content.get("out_trade_no", ""))


def _alter(node: Node, turn: Turn) -> None:
    """Wrong content, rightly signed."""
    if rule := turn.take("other_amount"):
        for name in {"total_amount", "refund_fee", "refund_amount"} & set(node):
            node[name] = calls.yuan(calls.fen(node[name]) + int(rule.get("fen")))
    if turn.take("other_number") and "out_trade_no" in node:
        node["out_trade_no"] = "OTHER" + node["out_trade_no"][5:]
    if "trade_status" in node and (rule := turn.take("other_state")):
        node["trade_status"] = rule.get("state")


def _text(node: Any, turn: Turn) -> str:
    if turn.take("whitespace"):
        text = json.dumps(node, ensure_ascii=False, indent=2, separators=(" , ", " : "))
    else:
        text = json.dumps(node, ensure_ascii=False, separators=(",", ":"))
    if turn.take("escaped_slashes"):
        # A slash can only stand inside a string in this JSON.
        text = text.replace("/", r"\/")
    return text


def _answer(text: str, charset: str) -> Answer:
    return Answer(text.encode(charset, "replace"), f"text/html;charset={charset}")
