"""Channels from the configuration: keys are read, certificates loaded, routes laid.

A file that is missing or wrong switches off its own channel with one line; the other one works.
"""

import logging
from dataclasses import fields
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from device.channels.alipay import certificates, signing
from device.channels.alipay.application import Application
from device.channels.alipay.client import AlipayChannel
from device.channels.http import HttpClient, Route, tls_context
from device.channels.wechat.client import WechatChannel
from device.channels.wechat.merchant import Merchant
from device.channels.wechat.signing import SignType
from device.clock import Clock
from device.config import Alipay, Config, Wechat, read_text_secret
from device.domain.ports import Channel
from device.domain.words import Wallet
from device.errors import ConfigError

log = logging.getLogger(__name__)

_context = cache(tls_context)  # the system's authorities are 1 MB and 17 ms each time
TLS_ONLY = frozenset({"cert_file", "key_file"})  # plain http to a loopback gateway has no TLS


def make_channels(config: Config, clock: Clock) -> tuple[dict[Wallet, Channel], dict[Wallet, str]]:
    """The channels that can be built, and why the others cannot (a key file is missing ...)."""
    channels: dict[Wallet, Channel] = {}
    broken: dict[Wallet, str] = {}
    makers = ((Wallet.WECHAT, config.wechat, _wechat), (Wallet.ALIPAY, config.alipay, _alipay))
    for wallet, section, maker in makers:
        if section is None:
            continue
        try:
            _check_files(wallet, section)
            channels[wallet] = maker(config, section, clock)  # type: ignore[arg-type]  # by wallet
        except ConfigError as error:
            log.error("%s is off: %s", wallet, error)  # noqa: TRY400  the one line is enough
            broken[wallet] = str(error)
    return channels, broken


def _check_files(wallet: Wallet, section: Wechat | Alipay) -> None:
    """Name the key, never the value: somebody may have pasted a secret where its file belongs."""
    for field in fields(section):
        value = getattr(section, field.name)
        unused = field.name in TLS_ONLY and getattr(section, "base_url", "").startswith("http:")
        if isinstance(value, Path) and not unused and not value.is_file():
            raise ConfigError(f"[channels.{wallet}] {field.name}: must name a file that exists")


def _wechat(config: Config, section: Wechat, clock: Clock) -> WechatChannel:
    merchant = Merchant(
        appid=section.appid,
        mch_id=section.mch_id,
        api_key=read_text_secret(section.api_key_file),
        box_id=config.box.id,
        desk_code=config.box.desk_code,
        sign_type=SignType(section.sign_type),
    )
    return WechatChannel(
        merchant,
        HttpClient(_route(config, section.base_url, section.ca_file)),
        HttpClient(
            _route(config, section.base_url, section.ca_file, section.cert_file, section.key_file)
        ),
        base_url=section.base_url,
        spare_url=section.spare_url,
        clock=clock,
        read_timeout_pay_s=config.limits.read_timeout_pay_s,
        read_timeout_s=config.limits.read_timeout_s,
    )


def _alipay(config: Config, section: Alipay, clock: Clock) -> AlipayChannel:
    return AlipayChannel(
        _application(config, section),
        HttpClient(_route(config, section.gateway_url, section.ca_file)),
        gateway_url=section.gateway_url,
        clock=clock,
        read_timeout_pay_s=config.limits.read_timeout_pay_s,
        read_timeout_s=config.limits.read_timeout_s,
    )


def _application(config: Config, section: Alipay) -> Application:
    where = "[channels.alipay]"
    own = signing.private_key(read_text_secret(section.private_key_file), f"{where} private key")
    held = _certificates(section, where)
    key = held.alipay_key if held else _alipay_key(section, where)
    return Application(section.app_id, own, key, config.box.id, config.box.desk_code, held)


def _certificates(section: Alipay, where: str) -> certificates.Certificates | None:
    app, alipay, root = (read_text_secret(p) if p else "" for p in section.certificates)
    return certificates.load(app, alipay, root, where) if app and alipay and root else None


def _alipay_key(section: Alipay, where: str) -> rsa.RSAPublicKey:
    if section.alipay_public_key_file is None:
        raise ConfigError(f"{where} alipay_public_key_file: missing; allowed: a file")
    return signing.public_key(read_text_secret(section.alipay_public_key_file), f"{where} key")


def _route(
    config: Config,
    url: str,
    ca_file: Path | None,
    cert_file: Path | None = None,
    key_file: Path | None = None,
) -> Route:
    plain = url.startswith("http:")  # an emulated provider on the loopback: no TLS, no certificate
    return Route(
        tls=None if plain else _context(ca_file, cert_file, key_file),
        proxy=config.network.proxy,
        pins=config.network.dns,
        connect_timeout_s=config.limits.connect_timeout_s,
    )
