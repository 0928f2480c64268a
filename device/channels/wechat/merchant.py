"""Who we are to WeChat Pay."""

from dataclasses import dataclass, field

from device.channels.wechat.signing import SignType


@dataclass(frozen=True, slots=True)
class Merchant:
    """The merchant number, its key and this box's mark."""

    appid: str
    mch_id: str
    api_key: str = field(repr=False)
    box_id: str
    """Sent as `device_info` with every pay (payment-states §1.9)."""
    desk_code: str
    sign_type: SignType = SignType.HMAC_SHA256
