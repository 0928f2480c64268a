"""Both payment providers, emulated as one HTTP server with signing code of its own.

WeChat Pay v2 barcode payment (XML) and Alipay barcode payment (``/gateway.do``, signed JSON).
Nothing here imports the firmware: the gateway is an independent peer, so that a mistake in the
box's protocol code is not repeated by what it is tested against.

From the inside out: ``model`` and ``book`` (what the provider knows), ``cashier`` (what the
provider decides), ``behaviours`` and ``scripts`` (what it is told to do wrong), ``wechat`` and
``alipay`` (how it speaks), ``provider`` (request in, delivery out, no I/O), ``server`` (sockets).
"""
