"""The whole card in an emulated machine, with all that stands around it at a desk.

    keyboard (QMP) ──> ┌──────────────┐ <── USB serial ── HIS
                       │ the image    │
    usb stick ───────> │ as it ships  │ ─── wire ── time server, HIS over TCP, port scan
                       └──────────────┘        └─ WireGuard ── gateways of both providers

`python -m tests.image.whole` (`make test-image`), as root: the wire, the tunnel's far end and the
gateways live in a network namespace of their own, so nothing of it is seen outside.
"""
