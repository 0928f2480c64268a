"""What systemd and the packet filter of the card are told of the configuration."""

import base64
from pathlib import Path, PurePosixPath

import pytest

from device import config
from device.app import network_command
from device.errors import ConfigError
from device.network import PRIVATE, files_of, ports_of

KEY = base64.b64encode(bytes(range(32))).decode()
SECRET = base64.b64encode(b"the box's own private half......").decode()
BASE = """\
[box]
id = "BOX-0001"
desk = "MZ-03"
desk_code = "MZ03"
data_dir = "/var/lib/paybox"
key_file = "box.key"
[his]
link = "tcp"
allow_plain = ["10.1.2.3"]
[his.tcp]
listen = "0.0.0.0:7601"
[channels.wechat]
appid = "wx0123456789abcdef"
mch_id = "1900000109"
"""
TUNNEL = f"""\
[network.wireguard]
address = "10.77.0.2/32"
peer_key = "{KEY}"
endpoint = "10.1.0.1:51820"
networks = ["10.20.0.0/16", "0.0.0.0/0"]
"""


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "box.key").write_bytes(b"k" * 32)
    (tmp_path / "wireguard.key").write_text(SECRET + "\n")
    (tmp_path / "keys").write_text("ssh-ed25519 AAAA technician\n")
    return tmp_path


def written(card: Path, text: str) -> dict[str, str]:
    """Return what the command writes, by name."""
    (card / "paybox.toml").write_text(BASE + text)
    root = card / "root"
    chosen = ["-c", str(card / "paybox.toml"), "--root", str(root)]
    assert network_command.main(chosen) == 0
    return {
        str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()
    }


def test_without_anything_said_there_is_dhcp_and_the_his_port(card: Path) -> None:
    files = written(card, "")
    assert set(files) == {"run/systemd/network/20-wired.network", "run/paybox-network/open.nft"}
    assert "DHCP=ipv4\n" in files["run/systemd/network/20-wired.network"]
    assert files["run/paybox-network/open.nft"].splitlines() == [
        "flush set inet paybox open_ports",
        "add element inet paybox open_ports { 7601 }",
    ]


def test_a_static_address_with_its_servers(card: Path) -> None:
    text = '[network]\naddress = "10.1.2.9/24"\ngateway = "10.1.2.1"\nresolvers = ["10.1.0.5"]\n'
    wired = written(card, text + 'ntp = ["10.1.0.6"]\n')["run/systemd/network/20-wired.network"]
    assert "DHCP" not in wired
    for line in ("Address=10.1.2.9/24", "Gateway=10.1.2.1", "DNS=10.1.0.5", "NTP=10.1.0.6"):
        assert line in wired.splitlines()


def test_the_private_key_stands_in_a_credential_for_root_alone(card: Path) -> None:
    files = written(card, TUNNEL)
    assert files[f"run/credstore/{PRIVATE}"] == SECRET
    assert (card / "root/run/credstore" / PRIVATE).stat().st_mode & 0o777 == 0o600
    assert [name for name, text in files.items() if SECRET in text] == [f"run/credstore/{PRIVATE}"]
    assert f"PrivateKey=@{PRIVATE}" in files["run/systemd/network/30-wg0.netdev"]


def test_the_tunnel_goes_down_with_the_wire_and_never_swallows_its_own_packets(card: Path) -> None:
    files = written(card, TUNNEL)
    tunnel = files["run/systemd/network/30-wg0.network"]
    assert "BindCarrier=e*" in tunnel
    assert "Destination=0.0.0.0/0" in tunnel
    assert "InvertRule=yes" in tunnel
    assert "FirewallMark=0x7062" in files["run/systemd/network/30-wg0.netdev"]
    rules = (Path(__file__).parents[1] / "systemd/nftables.conf").read_text()
    assert "meta mark 0x7062 meta l4proto udp accept" in rules


def test_ssh_is_open_only_where_the_site_gave_keys(card: Path) -> None:
    assert not any("authorized_keys" in name for name in written(card, ""))
    files = written(card, '[network]\nssh_keys_file = "keys"\n')
    assert files["run/paybox-network/authorized_keys"] == "ssh-ed25519 AAAA technician\n"
    assert "{ 22 }" in files["run/paybox-network/open.nft"]


def test_a_serial_desk_opens_no_port(card: Path) -> None:
    text = BASE.replace('link = "tcp"', 'link = "serial"') + "[his.serial]\n"
    (card / "paybox.toml").write_text(text)
    settings = config.load(card / "paybox.toml")
    assert ports_of(settings) == ()
    opened = files_of(settings, {}).public[PurePosixPath("run/paybox-network/open.nft")]
    assert opened == "flush set inet paybox open_ports\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[network]\naddress = "10.1.2.9"\n', "10.1.2.3/24"),
        ('[network]\nntp = ["a b"]\n', "a list of hosts"),
        (TUNNEL.replace("10.77.0.2/32", ""), "10.1.2.3/24"),
        (TUNNEL.replace('"10.20.0.0/16", "0.0.0.0/0"', ""), "a list of networks"),
        (TUNNEL.replace("10.20.0.0/16", "10.20.0.1/16"), "a list of networks"),
        (TUNNEL.replace(KEY, "short"), "44 characters"),
        (TUNNEL.replace(":51820", ""), "host:port"),
        ('[network]\nvpn_interface = "tun0"\n' + TUNNEL, 'must be "wg0"'),
    ],
)
def test_what_is_not_allowed_is_told_in_one_line(card: Path, text: str, words: str) -> None:
    (card / "paybox.toml").write_text(BASE + text)
    with pytest.raises(ConfigError, match=words):
        config.load(card / "paybox.toml")


def test_a_missing_key_file_is_told(card: Path) -> None:
    (card / "wireguard.key").unlink()
    with pytest.raises(ConfigError, match=r"wireguard\.key"):
        written(card, TUNNEL)


def test_an_older_configuration_is_written_over(card: Path) -> None:
    written(card, '[network]\naddress = "10.1.2.9/24"\n')
    assert "DHCP=ipv4" in written(card, "")["run/systemd/network/20-wired.network"]
