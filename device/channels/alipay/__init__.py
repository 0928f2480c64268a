"""Alipay face-to-face payment by payment code (当面付 条码支付)."""

from device.channels.alipay.application import Application
from device.channels.alipay.client import AlipayChannel

__all__ = ["AlipayChannel", "Application"]
