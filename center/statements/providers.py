"""Asking the providers for a day's statement and for reviews. Reads only: nothing here moves money.

Signing and parsing are the firmware's own (`device.channels`); the way there is a plain httpx
client, because nobody waits at a desk for it.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa

from center.ledger.rows import BEIJING
from center.ledger.words import Channel
from device.channels.alipay import certificates, envelope
from device.channels.alipay import signing as alipay_signing
from device.channels.http import tls_context
from device.channels.wechat import reviews, xml
from device.channels.wechat.reviews import ReviewPage
from device.channels.wechat.signing import SignType, sign
from device.config.key_files import read_text_secret
from device.config.sections import Alipay, Wechat
from device.errors import BadAnswer, ConfigError, MaybeSent

LONGEST_BILL = 256 * 1024 * 1024  # bytes: a million lines
PATIENCE = httpx.Timeout(60.0, connect=10.0)  # a bill of a large hospital takes its time
EMPTY_DAY = b"<xml><return_msg>No Bill Exist</return_msg></xml>"
"""What WeChat says to a day without trade; Alipay's word for it is turned into the same."""
REVIEWS_AT_ONCE = 200


class Statements(Protocol):
    """One provider's statements."""

    @property
    def channel(self) -> Channel:
        """Whose they are."""
        ...

    def fetch(self, day: date) -> bytes:
        """Return the file as it came; ProviderError if there is none to be had now."""
        ...


@dataclass(frozen=True, slots=True)
class WechatStatements:
    """`downloadbill`, and the payers' comments of `batchquerycomment`."""

    base_url: str
    appid: str
    mch_id: str
    api_key: str = field(repr=False)
    sign_type: SignType
    client: httpx.Client
    certificate_client: httpx.Client
    nonce: Callable[[], str] = lambda: secrets.token_hex(16)
    channel: Channel = Channel.WECHAT

    def fetch(self, day: date) -> bytes:
        """The whole bill of a day, zipped on the way."""
        asked = {"bill_date": f"{day:%Y%m%d}", "bill_type": "ALL", "tar_type": "GZIP"}
        return _post(self.client, f"{self.base_url}/pay/downloadbill", self._signed(asked))

    def reviews(self, begin: datetime, end: datetime, offset: int) -> ReviewPage | None:
        """Comments of a time, from an offset on; None where there are none."""
        asked = {
            "begin_time": f"{begin.astimezone(BEIJING):%Y%m%d%H%M%S}",
            "end_time": f"{end.astimezone(BEIJING):%Y%m%d%H%M%S}",
            "offset": str(offset),
            "limit": str(REVIEWS_AT_ONCE),
        }
        url = f"{self.base_url}/billcommentsp/batchquerycomment"
        # This call takes no MD5, whatever the others use (wechat.md §2.7).
        body = _post(self.certificate_client, url, self._signed(asked, SignType.HMAC_SHA256))
        return None if body.lstrip().startswith(b"<") else reviews.read(body)

    def _signed(self, fields: Mapping[str, str], sign_type: SignType | None = None) -> bytes:
        kind = sign_type or self.sign_type
        request = {
            "appid": self.appid,
            "mch_id": self.mch_id,
            "nonce_str": self.nonce()[:32],
            "sign_type": kind.value,
            **fields,
        }
        request["sign"] = sign(request, self.api_key, kind)
        return xml.build(request)


@dataclass(frozen=True, slots=True)
class AlipayStatements:
    """`alipay.data.dataservice.bill.downloadurl.query`, then the address it gives for 30 s."""

    gateway_url: str
    app_id: str
    private_key: rsa.RSAPrivateKey = field(repr=False)
    alipay_key: rsa.RSAPublicKey = field(repr=False)
    serials: Mapping[str, str]
    client: httpx.Client
    channel: Channel = Channel.ALIPAY

    METHOD = "alipay.data.dataservice.bill.downloadurl.query"
    NO_BILL = ("BILL_NOT_EXIST", "isp.bill_not_exist")

    def fetch(self, day: date) -> bytes:
        """The zip of a day."""
        content = {"bill_type": "trade", "bill_date": day.isoformat()}
        params = {
            "app_id": self.app_id,
            "method": self.METHOD,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": datetime.now(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
            "version": "1.0",
            **self.serials,
            "biz_content": json.dumps(content),
        }
        params["sign"] = alipay_signing.sign(params, self.private_key)
        told = self._opened(_post_form(self.client, self.gateway_url, params))
        if told.get("code") != "10000":
            if str(told.get("sub_code", "")).lower() in {n.lower() for n in self.NO_BILL}:
                return EMPTY_DAY
            raise BadAnswer(f"bill address: {str(told.get('sub_code') or told.get('code'))[:60]}")
        return _get(self.client, str(told.get("bill_download_url", "")))

    def _opened(self, body: bytes) -> dict[str, Any]:
        node = self.METHOD.replace(".", "_") + "_response"
        return envelope.opened(
            envelope.cut(body, node),
            lambda text, signature: alipay_signing.verified(text, signature, self.alipay_key),
        )


# ------------------------------------------------------------------ the way there


def _post(client: httpx.Client, url: str, body: bytes) -> bytes:
    return _whole(client, client.build_request("POST", url, content=body))


def _post_form(client: httpx.Client, url: str, params: Mapping[str, str]) -> bytes:
    return _whole(client, client.build_request("POST", url, data=dict(params)))


def _get(client: httpx.Client, url: str) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise BadAnswer("bill address: none")
    return _whole(client, client.build_request("GET", url))


def _whole(client: httpx.Client, request: httpx.Request) -> bytes:
    """The body, bounded; every fault of the way as a ProviderError without the address."""
    body = bytearray()
    try:
        response = client.send(request, stream=True)
        try:
            for piece in response.iter_bytes():
                body += piece
                if len(body) > LONGEST_BILL:
                    raise BadAnswer("longer than a day's statement can be")
        finally:
            response.close()
    except httpx.HTTPError as error:
        raise MaybeSent(type(error).__name__) from None
    if response.status_code != httpx.codes.OK:
        raise BadAnswer(f"HTTP {response.status_code}")
    return bytes(body)


# ------------------------------------------------------------------ from the configuration


def make_statements(wechat: Wechat | None, alipay: Alipay | None) -> list[Statements]:
    """Return what is configured; ConfigError names the key that is wrong."""
    found: list[Statements] = []
    if wechat:
        found.append(wechat_statements(wechat))
    if alipay:
        found.append(_alipay(alipay))
    return found


def wechat_statements(section: Wechat) -> WechatStatements:
    """WeChat's, with a second way for the call that shows the certificate."""
    plain = section.base_url.startswith("http:")  # an emulated provider on this machine
    return WechatStatements(
        base_url=section.base_url,
        appid=section.appid,
        mch_id=section.mch_id,
        api_key=read_text_secret(section.api_key_file),
        sign_type=SignType(section.sign_type),
        client=_client(None if plain else tls_context(section.ca_file)),
        certificate_client=_client(
            None if plain else tls_context(section.ca_file, section.cert_file, section.key_file)
        ),
    )


def _alipay(section: Alipay) -> AlipayStatements:
    where = "[channels.alipay]"
    own = alipay_signing.private_key(read_text_secret(section.private_key_file), f"{where} key")
    serials: dict[str, str] = {}
    app, theirs, root = (read_text_secret(p) if p else "" for p in section.certificates)
    if app and theirs and root:
        held = certificates.load(app, theirs, root, where)
        key = held.alipay_key
        serials = {"app_cert_sn": held.app_cert_sn, "alipay_root_cert_sn": held.root_cert_sn}
    elif section.alipay_public_key_file:
        text = read_text_secret(section.alipay_public_key_file)
        key = alipay_signing.public_key(text, f"{where} alipay_public_key_file")
    else:
        raise ConfigError(f"{where} alipay_public_key_file: missing; allowed: a file")
    plain = section.gateway_url.startswith("http:")
    client = _client(None if plain else tls_context(section.ca_file))
    return AlipayStatements(section.gateway_url, section.app_id, own, key, serials, client)


def _client(tls: Any) -> httpx.Client:
    return httpx.Client(verify=tls or False, trust_env=False, timeout=PATIENCE)
