"""From an HTTP request to a checked Alipay call (alipay §1, §2), or why it is refused."""

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from simulators.gateway.alipay import signing
from simulators.gateway.merchant import Merchant
from simulators.gateway.wire import HttpRequest

METHODS = MappingProxyType(
    {
        "alipay.trade.pay": "pay",
        "alipay.trade.query": "query",
        "alipay.trade.cancel": "reverse",
        "alipay.trade.refund": "refund",
        "alipay.trade.fastpay.refund.query": "refund_query",
        "alipay.data.dataservice.bill.downloadurl.query": "bill",
    }
)
CHARSETS = MappingProxyType(
    {"utf-8": "utf-8", "utf8": "utf-8", "gbk": "gbk", "gb2312": "gb2312", "gb18030": "gb18030"}
)
REQUIRED = ("method", "app_id", "sign", "sign_type", "timestamp", "version")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_ERROR_TEXTS = MappingProxyType(
    {"missing": ("40001", "Missing Required Arguments"), "invalid": ("40002", "Invalid Arguments")}
)
CHARSET_TEXT = (
    "验签出错,请确认charset参数放在了URL查询字符串中且各参数值使用charset参数指示的字符集编码"
)


class Refuse(Exception):
    """A gateway-level refusal; ``signed`` says whether the answer carries a signature."""

    def __init__(self, sub_code: str, text: str, *, signed: bool = True) -> None:
        super().__init__(text)
        kind = "missing" if ".missing-" in sub_code else "invalid"
        self.code, self.message = _ERROR_TEXTS[kind]
        self.sub_code, self.text, self.signed = sub_code, text, signed

    def node(self) -> dict[str, str]:
        """The response node."""
        return {
            "code": self.code,
            "msg": self.message,
            "sub_code": self.sub_code,
            "sub_msg": self.text,
        }


@dataclass(frozen=True, slots=True)
class Parameters:
    """Query and body merged and decoded; ``charset`` is a Python codec's name."""

    values: Mapping[str, str] = field(repr=False)
    charset: str
    charset_in_query: bool
    ascii_body: bool


def parameters(request: HttpRequest) -> Parameters:
    """Merge query and body of a GET or POST, urlencoded or multipart."""
    query = urlsplit(request.target).query
    name = dict(parse_qsl(query, encoding="latin-1")).get("charset", "")
    body = _form(request)
    charset = CHARSETS.get((name or body.get("charset", b"").decode("latin-1")).lower(), "utf-8")
    values = dict(parse_qsl(query, keep_blank_values=True, encoding=charset, errors="replace"))
    values |= {key: one.decode(charset, "replace") for key, one in body.items()}
    return Parameters(values, charset, bool(name), all(one.isascii() for one in body.values()))


def check(given: Parameters, merchant: Merchant) -> dict[str, Any]:
    """Verify everything the gateway verifies; gives the decoded ``biz_content``."""
    values = given.values
    for name in REQUIRED:
        if not values.get(name):
            raise Refuse(f"isv.missing-{name.replace('_', '-')}", f"缺少{name}参数")
    if values["method"] not in METHODS:
        raise Refuse("isv.invalid-method", "不存在的方法名", signed=False)
    if values["app_id"] != merchant.app_id:
        raise Refuse("isv.invalid-app-id", "无效的AppID参数", signed=False)
    if values["version"] != "1.0":
        raise Refuse("isv.invalid-version", "无效的版本参数")
    if values["sign_type"] not in signing.SIGN_TYPES:
        raise Refuse("isv.invalid-signature-type", "无效签名类型")
    if not _TIMESTAMP.fullmatch(values["timestamp"]):
        raise Refuse("isv.invalid-timestamp", "非法的时间戳参数")
    if values.get("format", "json").lower() != "json":
        raise Refuse("isv.invalid-format", "无效的数据格式")
    _check_certificates(values, merchant)
    _check_signature(given, merchant)
    return _content(values.get("biz_content", ""))


def _check_certificates(values: Mapping[str, str], merchant: Merchant) -> None:
    app, root = values.get("app_cert_sn"), values.get("alipay_root_cert_sn")
    if not app and not root:
        return
    if not app:
        raise Refuse("isv.missing-app-cert-sn", "缺少应用公钥证书SN")
    if app != merchant.app_cert_sn:
        raise Refuse("isv.app-cert-not-exist", "应用公钥证书SN不存在")
    if root != merchant.alipay_root_cert_sn:
        raise Refuse("isv.invalid-alipay-root-cert-sn", "支付宝根证书SN错误")


def _check_signature(given: Parameters, merchant: Merchant) -> None:
    if not given.charset_in_query and not given.ascii_body:
        raise Refuse("isv.invalid-signature", CHARSET_TEXT)
    values = given.values
    text = signing.request_text(values)
    content = text.encode(given.charset, "replace")
    key, sign_type = merchant.app_public_key, values["sign_type"]
    if not signing.is_signed(content, values["sign"], key, sign_type):
        # The real gateway's own diagnostic, escaped as it escapes it (alipay §2). The payer code
        # stands in it, as it does in the real one: clients must not log it.
        raise Refuse(
            "isv.invalid-signature",
            "验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配，"
            f"网关生成的验签字符串为：{html.escape(text, quote=False)}",
        )


def _content(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Refuse("isv.invalid-parameter", "biz_content不是合法的JSON")
    return content


def _form(request: HttpRequest) -> dict[str, bytes]:
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        return _multipart(kind, request.body)
    pairs = parse_qsl(request.body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    return {name: value.encode("latin-1", "replace") for name, value in pairs}


def _multipart(kind: str, body: bytes) -> dict[str, bytes]:
    head = f"Content-Type: {kind}\r\n\r\n".encode("latin-1")
    found: dict[str, bytes] = {}
    for part in BytesParser().parsebytes(head + body).walk():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            found[name] = payload
    return found
