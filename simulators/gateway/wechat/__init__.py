"""WeChat Pay v2 barcode payment as the provider speaks it (wechat §1, §2, §5)."""
