import socket

import pytest

from device.app import address
from device.app.address import own_address


def test_loopback_is_no_address_of_the_box(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_address("") != "127.0.0.1"
    monkeypatch.setattr(address, "LOOPBACK", "")
    assert own_address("") == "127.0.0.1"


def test_the_vpn_s_interface_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "LOOPBACK", "")
    assert own_address("lo") != "127.0.0.1"


def test_an_interface_without_an_address_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(9, "none9")])
    assert own_address("") == ""
