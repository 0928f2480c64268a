"""Channels out of a written configuration, proven by the emulated providers."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from device.channels.factory import make_channels
from device.clock import SystemClock
from device.config import load
from device.domain.outcome import Verified
from device.domain.ports import Channel
from device.domain.words import Wallet
from simulators.gateway.identities import Identities, identities
from simulators.gateway.server import Gateway

Made = tuple[dict[Wallet, Channel], dict[Wallet, str]]
Make = Callable[..., Made]
BOTH = [Wallet.WECHAT, Wallet.ALIPAY]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    return identities(tmp_path_factory.mktemp("factory-keys"))


@pytest.fixture
async def gateway(keys: Identities) -> AsyncIterator[Gateway]:
    async with Gateway(keys, tls_port=0) as running:
        yield running


@pytest.fixture
async def make(
    keys: Identities, tmp_path: Path, write_config: Callable[..., Path]
) -> AsyncIterator[Make]:
    """Return a maker: addresses and changes of the two sections in, channels out."""
    opened: list[Channel] = []

    def made(
        base_url: str,
        *,
        files: dict[str, str] | None = None,
        wechat: dict[str, object] | None = None,
        alipay: dict[str, object] | None = None,
    ) -> Made:
        numbers = {"appid": keys.appid, "mch_id": keys.mch_id, "base_url": base_url}
        path = write_config(
            {
                "channels.wechat": {**numbers, "ca_file": "ca.pem", **(wechat or {})},
                "channels.alipay": {
                    "app_id": keys.app_id,
                    "gateway_url": f"{base_url}/gateway.do",
                    "ca_file": "ca.pem",
                    **(alipay or {}),
                },
            }
        )
        shutil.copytree(keys.directory, tmp_path, dirs_exist_ok=True)
        for name, text in (files or {}).items():
            (tmp_path / name).write_text(text)
        channels, broken = make_channels(load(path), SystemClock())
        opened.extend(channels.values())
        return channels, broken

    yield made
    for channel in opened:
        await channel.aclose()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_both_channels_of_a_right_configuration_verify(
    make: Make, gateway: Gateway, scheme: str
) -> None:
    channels, broken = make(gateway.wechat_url if scheme == "http" else gateway.tls_url)
    assert broken == {}
    for wallet in BOTH:
        assert await channels[wallet].verify() == Verified()


async def test_certificate_mode_verifies(make: Make, gateway: Gateway) -> None:
    files = {
        "alipay_public_key_file": "",
        "app_cert_file": "app_cert.crt",
        "alipay_cert_file": "alipay_cert.crt",
        "alipay_root_cert_file": "alipay_root_cert.crt",
    }
    channels, broken = make(gateway.tls_url, alipay=files)
    assert broken == {}
    assert await channels[Wallet.ALIPAY].verify() == Verified()


async def test_a_reverse_shows_its_certificate(make: Make, gateway: Gateway) -> None:
    channels, _broken = make(gateway.tls_url)
    outcome = await channels[Wallet.WECHAT].reverse("MZ03ABCDEFGHIJKLMNOPQRSTUVWXYZ23")
    assert type(outcome).__name__ != "Unknown", outcome


@pytest.mark.parametrize(
    ("file", "wallet"),
    [
        ("apiclient_key.pem", Wallet.WECHAT),
        ("apiclient_cert.pem", Wallet.WECHAT),
        ("app_private_key.pem", Wallet.ALIPAY),
        ("alipay_public_key.pem", Wallet.ALIPAY),
    ],
)
def test_an_unusable_file_switches_off_its_own_channel_with_one_line(
    make: Make, file: str, wallet: Wallet
) -> None:
    channels, broken = make("https://127.0.0.1:1", files={file: "SECRET\n"})
    assert list(broken) == [wallet]
    assert set(channels) == set(BOTH) - {wallet}
    assert "\n" not in broken[wallet]
    assert "SECRET" not in broken[wallet]


def test_our_own_public_key_in_alipays_place_is_named(make: Make, keys: Identities) -> None:
    own = keys.path("app_public_key.pem").read_text()
    channels, broken = make("https://127.0.0.1:1", files={"alipay_public_key.pem": own})
    assert "应用公钥" in broken[Wallet.ALIPAY]
    assert Wallet.ALIPAY not in channels
