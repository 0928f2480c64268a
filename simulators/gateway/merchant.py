"""What the providers know of the one merchant: its numbers and keys."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey


@dataclass(frozen=True, slots=True)
class Merchant:
    """Numbers and keys; certificate serial numbers are for Alipay's certificate mode."""

    appid: str
    mch_id: str
    wechat_key: str = field(repr=False)
    app_id: str
    app_public_key: RSAPublicKey = field(repr=False)
    platform_key: RSAPrivateKey = field(repr=False)  # Alipay signs its answers with it
    app_cert_sn: str = ""
    alipay_cert_sn: str = ""
    alipay_root_cert_sn: str = ""
