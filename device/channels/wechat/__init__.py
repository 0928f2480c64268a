"""WeChat Pay v2, payment codes (付款码支付, micropay)."""

from device.channels.wechat.client import WechatChannel
from device.channels.wechat.merchant import Merchant

__all__ = ["Merchant", "WechatChannel"]
