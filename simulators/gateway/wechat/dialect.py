"""WeChat's side of a provider: reads, processes, says errors, writes and signs answers."""

from dataclasses import dataclass

from simulators.gateway.behaviours import Rule
from simulators.gateway.book import Book, fingerprint
from simulators.gateway.merchant import Merchant
from simulators.gateway.model import PayOrder
from simulators.gateway.scripts import Turn
from simulators.gateway.wechat import bill, calls, comments, reading, signing, xml
from simulators.gateway.wechat.calls import Fields
from simulators.gateway.wire import Answer, Call, HttpRequest

# Small enough to be harmless to a parser that does expand it.
BOMB = (
    '<!DOCTYPE xml [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


@dataclass(frozen=True, slots=True)
class WechatDialect:
    """Stateless but for the book."""

    merchant: Merchant
    book: Book

    def read(self, request: HttpRequest) -> Call | Answer:
        """Check everything a gateway checks before business."""
        return reading.read(request, self.merchant, self.book)

    def order_of(self, call: Call) -> PayOrder:
        """The order of a pay call."""
        return calls.order_of(call)

    def process(self, call: Call, turn: Turn) -> Fields | Answer:
        """Do it. A bill and comments are answers of their own form, unsigned."""
        match call.asked.call:
            case "bill":
                return bill.answer(call.fields, self.merchant, self.book)
            case "comments":
                return comments.answer(call.fields, self.book)
        return calls.CALLS[call.asked.call](self.book, call, turn)

    def error(self, call: Call, rule: Rule) -> Fields | Answer:
        """Say a scripted error."""
        del call
        match rule.name:
            case "unavailable":
                return reading.fail("系统繁忙，请稍后再试", "SYSTEMERROR")
            case "bank_error":
                return calls.failure("BANKERROR")
            case "error":
                return calls.failure(rule.get("code") or "SYSTEMERROR", rule.get("text"))
            case _:
                return calls.failure("SYSTEMERROR")

    def write(self, call: Call, result: Fields, turn: Turn) -> Answer:
        """Sign with the request's type (the answer does not name it) and write the XML."""
        fields = self._envelope(call) | {name: one for name, one in result.items() if one}
        _alter(fields, turn)
        fields["sign"] = signing.sign(fields, self.merchant.wechat_key, call.sign_type)
        return Answer(_form(fields, turn), "text/plain")

    def _envelope(self, call: Call) -> Fields:
        device = call.fields.get("device_info", "")
        return {
            "return_code": "SUCCESS",
            "return_msg": "OK",
            "appid": self.merchant.appid,
            "mch_id": self.merchant.mch_id,
            **({"device_info": device} if device else {}),
            # Not random: a run of the simulator is a function of its seed.
            "nonce_str": fingerprint({"arrivals": len(self.book.arrivals)})[:16],
        }


def _alter(fields: Fields, turn: Turn) -> None:
    """Wrong content, rightly signed. Only what the answer has is changed."""
    if rule := turn.take("other_amount"):
        for name in {"total_fee", "refund_fee", "refund_fee_0"} & set(fields):
            fields[name] = str(int(fields[name]) + int(rule.get("fen")))
    if turn.take("other_number") and "out_trade_no" in fields:
        fields["out_trade_no"] = "OTHER" + fields["out_trade_no"][5:]
    if "trade_state" in fields and (rule := turn.take("other_state")):
        fields["trade_state"] = str(rule.get("state"))
    if turn.take("other_merchant"):
        fields["mch_id"] = "1" + fields["mch_id"][::-1][:-1]
    if turn.take("other_currency") and "fee_type" in fields:
        fields["fee_type"] = "USD"


def _form(fields: Fields, turn: Turn) -> bytes:
    if turn.take("bad_signature"):
        fields["sign"] = fields["sign"][::-1]
    if turn.take("no_signature"):
        del fields["sign"]
    body = xml.write(fields)
    if turn.take("duplicate_tag"):
        body = body.replace(b"</xml>", b"<total_fee>1</total_fee><total_fee>2</total_fee></xml>")
    if turn.take("doctype"):
        body = BOMB.encode() + body.replace(b"<![CDATA[OK]]>", b"&c;")
    return body
