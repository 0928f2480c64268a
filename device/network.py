"""The card's own network, as text for systemd-networkd and the packet filter. Pure.

A key never stands in a unit: networkd takes it as a credential by its name
(systemd.netdev(5), `PrivateKey=@`), which only root can read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from device.config import Config, Wireguard, split_address

UNITS = PurePosixPath("run/systemd/network")
CREDENTIALS = PurePosixPath("run/credstore")
OPENED = PurePosixPath("run/paybox-network/open.nft")
SSH_KEYS = PurePosixPath("run/paybox-network/authorized_keys")
PRIVATE, PRESHARED = "network.wireguard.private", "network.wireguard.preshared"
MARK = 0x7062
"""WireGuard's own packets bear it; nftables.conf lets them out."""
KEEPALIVE_S = 25  # the front machine's firewall forgets a silent peer after 30 s
SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class Files:
    """What is to be written, by paths relative to the root."""

    public: Mapping[PurePosixPath, str]
    secret: Mapping[PurePosixPath, str] = field(default_factory=dict, repr=False)


def files_of(config: Config, secrets: Mapping[str, str]) -> Files:
    """Return the files; `secrets` holds the texts of the named key files by credential name."""
    network = config.network
    public = {UNITS / "20-wired.network": _wired(config), OPENED: _opened(config)}
    if network.wireguard:
        public[UNITS / "30-wg0.netdev"] = _netdev(network.wireguard)
        public[UNITS / "30-wg0.network"] = _tunnel(network.wireguard)
    if network.ssh_keys_file:
        public[SSH_KEYS] = secrets[SSH_KEYS.name]
    names = [name for name in (PRIVATE, PRESHARED) if name in secrets]
    return Files(public, {CREDENTIALS / name: secrets[name] for name in names})


def ports_of(config: Config) -> tuple[int, ...]:
    """Return the TCP ports that are to be reached from outside."""
    his = config.his
    listen = {"tcp": his.tcp.listen, "announcer": his.announcer.listen}.get(his.link, "")
    ports = [split_address(listen)[1]] if listen else []
    if config.network.ssh_keys_file:
        ports.append(SSH_PORT)
    return tuple(port for port in ports if port)


def _wired(config: Config) -> str:
    """One wire to the hospital; a static address, or what DHCP says."""
    network = config.network
    lines = ["[Match]", "Type=ether", "", "[Network]"]
    if network.address:
        lines.append(f"Address={network.address}")
        lines += [f"Gateway={network.gateway}"] if network.gateway else []
    else:
        lines.append("DHCP=ipv4")
    lines += ["LinkLocalAddressing=ipv6", "IPv6AcceptRA=no", "LLMNR=no", "MulticastDNS=no"]
    lines += [f"DNS={address}" for address in network.resolvers]
    lines += [f"NTP={host}" for host in network.ntp]
    return _text(lines)


def _netdev(tunnel: Wireguard) -> str:
    lines = ["[NetDev]", "Name=wg0", "Kind=wireguard", "", "[WireGuard]"]
    lines += [f"PrivateKey=@{PRIVATE}", f"FirewallMark={MARK:#x}", "", "[WireGuardPeer]"]
    lines += [f"PublicKey={tunnel.peer_key}", f"Endpoint={tunnel.endpoint}"]
    lines += [f"PresharedKey=@{PRESHARED}"] if tunnel.preshared_key_file else []
    lines += [f"AllowedIPs={network}" for network in tunnel.networks]
    lines += [f"PersistentKeepalive={KEEPALIVE_S}"]
    return _text(lines)


def _tunnel(tunnel: Wireguard) -> str:
    """Without a wire beneath, networkd takes the tunnel down: that is seen within three seconds.

    The networks get a table of their own that WireGuard's marked packets do not look into, so that
    `0.0.0.0/0` does not swallow the way to the front machine itself.
    """
    lines = ["[Match]", "Name=wg0", "", "[Link]", "RequiredForOnline=no", ""]
    lines += ["[Network]", f"Address={tunnel.address}", "BindCarrier=e*", "LLMNR=no"]
    for network in tunnel.networks:
        lines += ["", "[Route]", f"Destination={network}", "Scope=link", f"Table={MARK}"]
    for family in ("ipv4", "ipv6"):
        rule = ["", "[RoutingPolicyRule]", f"Family={family}", f"FirewallMark={MARK:#x}"]
        lines += [*rule, "InvertRule=yes", f"Table={MARK}", "Priority=32700"]
    # The hospital's own network is reached by its wire, whatever the tunnel claims.
    rule = ["", "[RoutingPolicyRule]", "Family=both", "Table=main"]
    lines += [*rule, "SuppressPrefixLength=0", "Priority=32690"]
    return _text(lines)


def _opened(config: Config) -> str:
    """Say what the packet filter is to open; every run says all of it."""
    lines = ["flush set inet paybox open_ports"]
    lines += [f"add element inet paybox open_ports {{ {port} }}" for port in ports_of(config)]
    return _text(lines)


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
