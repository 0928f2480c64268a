"""From an HTTP request to a checked WeChat call, or the answer that refuses it."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from simulators.gateway.book import Book
from simulators.gateway.merchant import Merchant
from simulators.gateway.model import Wallet
from simulators.gateway.scripts import Asked
from simulators.gateway.wechat import signing, xml
from simulators.gateway.wire import HTML_NO_CERTIFICATE, Answer, Call, HttpRequest

PATHS = MappingProxyType(
    {
        "/pay/micropay": "pay",
        "/pay/orderquery": "query",
        "/secapi/pay/reverse": "reverse",
        "/secapi/pay/refund": "refund",
        "/pay/refundquery": "refund_query",
        "/pay/downloadbill": "bill",
        "/billcommentsp/batchquerycomment": "comments",
    }
)
_ALL = ("appid", "mch_id", "nonce_str", "sign")
REQUIRED = MappingProxyType(
    {
        "pay": (*_ALL, "body", "out_trade_no", "total_fee", "spbill_create_ip", "auth_code"),
        "query": _ALL,
        "reverse": _ALL,
        "refund": (*_ALL, "out_refund_no", "total_fee", "refund_fee"),
        "refund_query": _ALL,
        "bill": (*_ALL, "bill_date"),
        "comments": (*_ALL, "begin_time", "end_time", "offset"),
    }
)
_WITH_CERTIFICATE = ("/secapi/", "/billcommentsp/")
MAX_NONCE = 32  # characters, wechat §1


class Refuse(Exception):
    """A transport-level refusal: ``return_code`` FAIL, unsigned."""


def read(request: HttpRequest, merchant: Merchant, book: Book) -> Call | Answer:
    """Check method, certificate, XML, required fields, merchant and signature."""
    path = urlsplit(request.target).path
    if path.startswith(_WITH_CERTIFICATE) and request.tls and not request.client_certificate:
        return HTML_NO_CERTIFICATE
    call = PATHS[path]
    try:
        fields = _fields(request, call, merchant)
    except Refuse as refusal:
        return fail(str(refusal))
    asked = Asked(
        Wallet.WECHAT,
        call,
        _number(call, fields, book),
        fields.get("auth_code", ""),
        _int(fields.get("total_fee", "")),
    )
    return Call(asked, fields, _sign_type(call, fields))


def fail(text: str, code: str = "FAIL") -> Answer:
    """Unsigned transport-level answer."""
    return Answer(xml.write({"return_code": code, "return_msg": text}), "text/plain")


def _fields(request: HttpRequest, call: str, merchant: Merchant) -> Mapping[str, str]:
    if request.method != "POST":
        raise Refuse("请使用post方法")
    try:
        fields = xml.read(request.body)
    except xml.BadXml:
        raise Refuse("XML格式错误") from None
    missing = [name for name in REQUIRED[call] if not fields.get(name)]
    if missing:
        raise Refuse(f"缺少参数{missing[0]}")
    _check_merchant(fields, merchant)
    _check_signature(call, fields, merchant)
    return fields


def _check_merchant(fields: Mapping[str, str], merchant: Merchant) -> None:
    if fields["mch_id"] != merchant.mch_id:
        raise Refuse(
            "商户号mch_id与appid不匹配" if fields["appid"] == merchant.appid else "mch_id参数错误"
        )
    if fields["appid"] != merchant.appid:
        raise Refuse("appid和mch_id不匹配")
    if len(fields["nonce_str"]) > MAX_NONCE:
        raise Refuse("nonce_str参数长度有误")


def _sign_type(call: str, fields: Mapping[str, str]) -> str:
    """The type a request is signed with; of comments it can only be HMAC (wechat §2.7)."""
    return fields.get("sign_type") or ("HMAC-SHA256" if call == "comments" else "MD5")


def _check_signature(call: str, fields: Mapping[str, str], merchant: Merchant) -> None:
    sign_type = _sign_type(call, fields)
    allowed = ("HMAC-SHA256",) if call == "comments" else signing.SIGN_TYPES
    known = sign_type in allowed
    if not known or not signing.is_signed(fields, merchant.wechat_key, sign_type):
        raise Refuse("签名错误，请检查后再试")


def _number(call: str, fields: Mapping[str, str], book: Book) -> str:
    """Return the out_trade_no; the provider's own number goes first (wechat §2.2, §2.5)."""
    refunds = ("refund_id", "out_refund_no") if call == "refund_query" else ()
    for name in (*refunds, "transaction_id"):
        if number := book.number_of(Wallet.WECHAT, fields.get(name, "")):
            return number
    return fields.get("out_trade_no", "")


def _int(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
