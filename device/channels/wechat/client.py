"""WeChat Pay v2 as a `Channel`: what is sent for each call, and which client carries it.

Two clients: `reverse` and `refund` need the client certificate, the others must not wait for one
(wechat.md §0.2). No method raises for anything the network or WeChat can do.
"""

import secrets
from collections.abc import Callable

from device.channels.hosts import Hosts
from device.channels.http import HttpClient
from device.channels.provider_text import short_code, shown, within_bytes
from device.channels.wechat import answers, codes, xml
from device.channels.wechat.merchant import Merchant
from device.channels.wechat.signing import sign, verified
from device.clock import Clock
from device.domain.outcome import (
    Declined,
    NotVerified,
    PayOrder,
    PayOutcome,
    QueryOutcome,
    RefundOrder,
    RefundOutcome,
    RefundSum,
    ReverseOutcome,
    Unknown,
    Verification,
    Verified,
)
from device.domain.words import Reason, Wallet
from device.errors import BadAnswer, NotSent, ProviderError

BODY_BYTES = 127  # the field's limit; whether bytes or characters the page does not say
DEVICE_INFO_BYTES = 32
REASON_BYTES = 80
NONCE_LENGTH = 32
UNKNOWN_ADDRESS = "127.0.0.1"  # until a connection told our own
PAGE = 10  # refunds on a page of refundquery
CONTENT_TYPE = "text/xml; charset=utf-8"
QUERY_PATH = "/pay/orderquery"
REFUND_QUERY_PATH = "/pay/refundquery"


class UnsignedRefusal(BadAnswer):
    """`return_code` is not SUCCESS: such answers carry no signature and prove nothing."""

    def __init__(self, return_code: str, said: str) -> None:
        super().__init__(f"return_code {shown(return_code, 16)}")
        self.said = said


class WrongSignature(BadAnswer):
    """The answer's signature is missing or not made with our key."""


class WechatChannel:
    """Asks WeChat Pay for money, and for it back."""

    wallet = Wallet.WECHAT

    def __init__(  # noqa: PLR0913  a merchant, two ways, and what a test or simulation replaces
        self,
        merchant: Merchant,
        client: HttpClient,
        certificate_client: HttpClient,
        *,
        base_url: str,
        spare_url: str = "",
        clock: Clock,
        read_timeout_pay_s: float = 15.0,
        read_timeout_s: float = 10.0,
        nonce: Callable[[], str] = lambda: secrets.token_hex(NONCE_LENGTH // 2),
    ) -> None:
        self._merchant = merchant
        self._client = client
        self._certificate_client = certificate_client
        bases = (base_url, spare_url)
        self._hosts = Hosts(client, bases, CONTENT_TYPE, clock)
        self._certificate_hosts = Hosts(certificate_client, bases, CONTENT_TYPE, clock)
        self._read_timeout_pay_s = read_timeout_pay_s
        self._read_timeout_s = read_timeout_s
        self._nonce = nonce

    async def pay(self, order: PayOrder) -> PayOutcome:
        """POST /pay/micropay, once; the spare host only if the first was surely not reached."""
        fields = {
            "device_info": within_bytes(self._merchant.box_id, DEVICE_INFO_BYTES),
            "body": within_bytes(order.subject, BODY_BYTES),
            "out_trade_no": order.out_trade_no,
            "total_fee": str(order.amount_fen),
            "fee_type": "CNY",
            "spbill_create_ip": self._client.local_address or UNKNOWN_ADDRESS,
            "auth_code": order.payer_code,
        }
        try:
            answer = await self._call("/pay/micropay", fields, self._read_timeout_pay_s)
        except NotSent:
            return Declined(Reason.OFFLINE)
        except ProviderError as fault:
            return Unknown(str(fault))
        return answers.pay(answer, order)

    async def query(self, out_trade_no: str, amount_fen: int | None = None) -> QueryOutcome:
        """POST /pay/orderquery."""
        try:
            answer = await self._call(QUERY_PATH, {"out_trade_no": out_trade_no})
        except NotSent as fault:
            return Unknown(str(fault), sent=False)
        except ProviderError as fault:
            return Unknown(str(fault))
        return answers.query(answer, out_trade_no, amount_fen)

    async def reverse(self, out_trade_no: str) -> ReverseOutcome:
        """POST /secapi/pay/reverse, with the certificate; not before 15 s is the caller's rule."""
        fields = {"out_trade_no": out_trade_no}
        try:
            answer = await self._call("/secapi/pay/reverse", fields, certificate=True)
        except ProviderError as fault:
            return Unknown(str(fault))
        return answers.reverse(answer)

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """POST /secapi/pay/refund, with the certificate; the same number may be sent again."""
        fields = {
            "out_trade_no": order.out_trade_no,
            "out_refund_no": order.out_refund_no,
            "total_fee": str(order.total_fen),
            "refund_fee": str(order.amount_fen),
            "refund_fee_type": "CNY",
            "refund_desc": within_bytes(order.reason, REASON_BYTES),
        }
        try:
            answer = await self._call("/secapi/pay/refund", fields, certificate=True)
        except ProviderError as fault:
            return Unknown(str(fault))
        return answers.refund(answer, order)

    async def query_refund(self, order: RefundOrder) -> RefundOutcome:
        """POST /pay/refundquery by our refund number."""
        fields = {"out_refund_no": order.out_refund_no}
        try:
            answer = await self._call(REFUND_QUERY_PATH, fields)
        except ProviderError as fault:
            return Unknown(str(fault))
        return answers.query_refund(answer, order)

    async def refunded_sum(self, out_trade_no: str) -> RefundSum | Unknown:
        """POST /pay/refundquery by our order number, page after page of ten."""
        refunds: dict[str, int] = {}
        try:
            for offset in range(0, answers.MAX_REFUNDS, PAGE):
                page, total = await self._refund_page(out_trade_no, offset)
                refunds |= page
                if len(refunds) >= total:
                    return RefundSum(sum(refunds.values()))
        except ProviderError as fault:
            return Unknown(str(fault))
        return Unknown("pages of refunds do not add up")

    async def verify(self) -> Verification:
        """Query a number that cannot exist; any correctly signed answer proves key and numbers."""
        try:
            answer = await self._call(QUERY_PATH, {"out_trade_no": self._impossible_number()})
        except UnsignedRefusal as refusal:
            return _not_verified(refusal.said)
        except WrongSignature:
            line = "微信答复的签名不对，请核对 api_key_file 与 sign_type"
            return NotVerified(line, configuration=True)
        except BadAnswer as fault:
            return NotVerified(f"微信支付的答复不能采信（{fault}）", configuration=False)
        except ProviderError as fault:
            return NotVerified(f"连接不上微信支付（{fault}）", configuration=False)
        code, text = answers.failure(answer)
        wrong = code in codes.WRONG_CONFIGURATION
        return _not_verified(f"{code} {text}") if wrong else Verified()

    async def warm(self) -> bool:
        """Query a number that cannot exist unless a connection answered in the last 50 s."""
        return await self._hosts.warm(self._probe)

    async def aclose(self) -> None:
        """Close both clients."""
        await self._hosts.aclose()
        await self._client.aclose()
        await self._certificate_client.aclose()

    async def _refund_page(self, out_trade_no: str, offset: int) -> tuple[dict[str, int], int]:
        """Return fen by refund number, and how many refunds the order has in all."""
        fields = {"out_trade_no": out_trade_no, "offset": str(offset) if offset else ""}
        answer = await self._call(REFUND_QUERY_PATH, fields)
        if answer.get("err_code") == "REFUNDNOTEXIST" and not offset:
            return {}, 0
        page = answers.given_back(answer)
        if answer.get("result_code") != answers.SUCCESS or not page:
            raise BadAnswer(short_code(answers.failure(answer)[0]) or "refunds cannot be read")
        if answer.get("out_trade_no") != out_trade_no:
            raise BadAnswer("another order")
        total = answers.fen(answer.get("total_refund_count", ""))
        if total is None and len(page) >= PAGE:
            raise BadAnswer("no total_refund_count")
        return page, len(page) if total is None else total

    async def _call(
        self,
        path: str,
        fields: dict[str, str],
        read_timeout_s: float | None = None,
        *,
        certificate: bool = False,
    ) -> dict[str, str]:
        """Return the verified fields of an answer about our merchant; raises ProviderErrors."""
        hosts = self._certificate_hosts if certificate else self._hosts
        timeout_s = self._read_timeout_s if read_timeout_s is None else read_timeout_s
        body = await hosts.post(path, self._signed(fields), read_timeout_s=timeout_s)
        return self._proven(xml.parse(body))

    def _proven(self, answer: dict[str, str]) -> dict[str, str]:
        if answer.get("return_code") != answers.SUCCESS:
            raise UnsignedRefusal(answer.get("return_code", ""), answer.get("return_msg", ""))
        if not verified(answer, self._merchant.api_key, self._merchant.sign_type):
            raise WrongSignature("missing or wrong signature")
        if not answers.ours(answer, self._merchant):
            raise BadAnswer("another merchant")
        return answer

    def _signed(self, fields: dict[str, str]) -> bytes:
        merchant = self._merchant
        request = {
            "appid": merchant.appid,
            "mch_id": merchant.mch_id,
            "nonce_str": self._nonce()[:NONCE_LENGTH],
            "sign_type": merchant.sign_type.value,
            **fields,
        }
        request["sign"] = sign(request, merchant.api_key, merchant.sign_type)
        return xml.build(request)

    def _probe(self) -> tuple[str, bytes]:
        return QUERY_PATH, self._signed({"out_trade_no": self._impossible_number()})

    def _impossible_number(self) -> str:
        """No order has it: a real one has base32 letters only, and never so few of them."""
        return f"{self._merchant.desk_code}VERIFY{self._nonce()[:16]}"


def _not_verified(said: str) -> NotVerified:
    words = shown(said)
    for marks, line in codes.COMPLAINTS.items():
        if any(mark in words.upper() for mark in marks):
            return NotVerified(f"{line}（{words}）", configuration=True)
    return NotVerified(f"微信支付没有受理（{words}）", configuration=False)
