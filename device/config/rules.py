"""What several keys, or a key and the disk, must have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from device.config.kinds import is_loopback, split_address
from device.config.one_way import ONE_WAY_RULES
from device.config.sections import REVERSE_NOT_BEFORE_S, Config

Finding = tuple[str, str, str]
"""Section, key, what is wrong and what is allowed."""
Rule = Callable[[Config, dict[str, Any]], Finding | None]
BUS_PINS = frozenset({2, 3, 7, 8, 9, 10, 11})  # BCM: I2C 1 and SPI 0, the panel's


def _link_has_its_section(config: Config, tables: dict[str, Any]) -> Finding | None:
    link = config.his.link
    if link not in tables["his"]:
        return f"his.{link}", "", f'this section is required with [his] link = "{link}"'
    return None


def _one_wallet(config: Config, _tables: dict[str, Any]) -> Finding | None:
    if config.wechat is None and config.alipay is None:
        return "channels", "", "one at least of [channels.wechat] and [channels.alipay] is required"
    return None


def _plain_link_names_its_peers(config: Config, _tables: dict[str, Any]) -> Finding | None:
    if config.his.link != "tcp" or is_loopback(split_address(config.his.tcp.listen)[0]):
        return None
    if config.his.security == "none" and not config.his.allow_plain:
        what = (
            'with security = "none" on an address other than loopback it must name the peers, '
            'such as ["10.1.2.3"]'
        )
        return "his", "allow_plain", what
    return None


def _sealed_link_has_a_key(config: Config, _tables: dict[str, Any]) -> Finding | None:
    key_file = config.his.key_file
    if config.his.security != "aes" or (key_file and is_file(key_file)):
        return None
    return "his", "key_file", 'must name a file that exists with security = "aes"'


SECURITY = {"tcp": ("none", "aes", "tls"), "serial": ("none", "aes")}
"""What each link can be secured with; a one-way link carries what the HIS's program sends."""


def _security_fits_the_link(config: Config, _tables: dict[str, Any]) -> Finding | None:
    link, security = config.his.link, config.his.security
    allowed = SECURITY.get(link, ("none",))
    if security in allowed:
        return None
    return "his", "security", f'must be {" or ".join(allowed)} with link = "{link}"'


def _tls_link_has_a_certificate(config: Config, _tables: dict[str, Any]) -> Finding | None:
    if config.his.security != "tls":
        return None
    tls = config.his.tls
    for key, file in (("cert_file", tls.cert_file), ("key_file", tls.key_file)):
        if file is None or not is_file(file):
            return "his.tls", key, 'must name a file that exists with [his] security = "tls"'
    if tls.client_ca_file and not is_file(tls.client_ca_file):
        return "his.tls", "client_ca_file", 'must name a file that exists, or be ""'
    return None


def _reverse_waits_at_wechat(config: Config, _tables: dict[str, Any]) -> Finding | None:
    if config.wechat is None or config.limits.wechat_reverse_not_before_s >= REVERSE_NOT_BEFORE_S:
        return None
    urls = (config.wechat.base_url, config.wechat.spare_url)
    if all(is_loopback(urlsplit(url).hostname or "") for url in urls if url):
        return None
    what = f"must be at least {REVERSE_NOT_BEFORE_S:g} against hosts other than loopback"
    return "limits", "wechat_reverse_not_before_s", what


def _wechat_certificate(config: Config, _tables: dict[str, Any]) -> Finding | None:
    """Reverse and refund need the merchant certificate; plain http to loopback has no TLS."""
    if config.wechat is None or not config.wechat.base_url.startswith("https:"):
        return None
    for key in ("cert_file", "key_file"):
        if getattr(config.wechat, key) is None:
            return "channels.wechat", key, "must be a path: reverse and refund need it"
    return None


def _alipay_has_one_mode(config: Config, _tables: dict[str, Any]) -> Finding | None:
    if config.alipay is None or all(config.alipay.certificates):
        return None
    if not any(config.alipay.certificates) and config.alipay.alipay_public_key_file:
        return None
    what = (
        "must be the public key's path, or all three of app_cert_file, alipay_cert_file "
        "and alipay_root_cert_file"
    )
    return "channels.alipay", "alipay_public_key_file", what


DISPLAY_SIZES = {
    "ssd1306": ((128, 64),),
    "ssd1309": ((128, 64),),
    "sh1106": ((128, 64),),
    "ssd1322": ((256, 64),),
    "png": ((128, 64), (256, 64)),
    "none": ((128, 64), (256, 64)),
}


def _picture_fits(config: Config, _tables: dict[str, Any]) -> Finding | None:
    size = (config.display.width, config.display.height)
    allowed = DISPLAY_SIZES[config.display.driver]
    if size in allowed:
        return None
    pairs = " or ".join(f"{width} x {height}" for width, height in allowed)
    found = f"width x height = {size[0]} x {size[1]}"
    return "display", found, f'must be {pairs} with driver = "{config.display.driver}"'


def _scanner_leaves_the_his_its_port(config: Config, _tables: dict[str, Any]) -> Finding | None:
    link = config.his.link
    on_tcp = link == "tcp" or (link == "announcer" and config.his.announcer.listen)
    if config.scanner.driver != "auto" or on_tcp:
        return None
    what = "must name the scanner's kind where the HIS is on a serial port: auto takes any ttyACM"
    return "scanner", "driver", what


def _pins_differ(config: Config, _tables: dict[str, Any]) -> Finding | None:
    pins = config.lamp.pins
    if len(set(pins)) < len(pins):
        return "lamp", "", "green, red, buzzer and cancel_button must be four different pins"
    return None


def _panel_pins_are_free(config: Config, _tables: dict[str, Any]) -> Finding | None:
    display, taken = config.display, config.lamp.pins
    if display.driver != "ssd1322":
        return None
    if len({*taken, display.spi_dc, display.spi_reset}) == len(taken) + 2:
        return None
    return "display", "", "spi_dc and spi_reset must be two pins that [lamp] does not use"


def _buses_keep_their_pins(config: Config, _tables: dict[str, Any]) -> Finding | None:
    """The card's device tree gives these pins to the panel's buses, whichever panel it is."""
    display = config.display
    panel = (display.spi_dc, display.spi_reset) if display.driver == "ssd1322" else ()
    for section, pins in (("lamp", config.lamp.pins), ("display", panel)):
        if BUS_PINS.intersection(pins):
            return section, "", "pins 2 and 3 are the I2C bus, 7 to 11 the SPI bus: take others"
    return None


def _center_certificate(config: Config, _tables: dict[str, Any]) -> Finding | None:
    if (config.center.cert_file is None) != (config.center.key_pem_file is None):
        return "center", "cert_file", "must stand together with key_pem_file, or neither"
    return None


def _tunnel_is_the_interface(config: Config, _tables: dict[str, Any]) -> Finding | None:
    """The packet filter of the card lets the firmware out through wg0 alone."""
    if config.network.wireguard and config.network.vpn_interface != "wg0":
        return "network", "vpn_interface", 'must be "wg0" with [network.wireguard]'
    return None


def _box_key_exists(config: Config, _tables: dict[str, Any]) -> Finding | None:
    """Without the box's key there are no order numbers, so nothing at all can work.

    A file that one channel needs is that channel's matter: it is off, the status says why, and the
    rest works.
    """
    if is_file(config.box.key_file):
        return None
    return "box", "key_file", "must name a file that exists"


RULES: tuple[Rule, ...] = (
    _link_has_its_section,
    _one_wallet,
    _plain_link_names_its_peers,
    _security_fits_the_link,
    _sealed_link_has_a_key,
    _tls_link_has_a_certificate,
    *ONE_WAY_RULES,
    _reverse_waits_at_wechat,
    _wechat_certificate,
    _alipay_has_one_mode,
    _scanner_leaves_the_his_its_port,
    _picture_fits,
    _pins_differ,
    _panel_pins_are_free,
    _buses_keep_their_pins,
    _center_certificate,
    _tunnel_is_the_interface,
    _box_key_exists,
)
"""What several keys, or a key and the disk, must have in common; asked in this order."""


def is_file(path: Path) -> bool:
    """Whether a file is there; a name or folder that cannot be looked at has none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or no way in
        return False
