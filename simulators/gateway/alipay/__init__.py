"""Alipay barcode payment as the provider speaks it (alipay §1-5)."""
