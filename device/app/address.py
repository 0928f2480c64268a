"""The box's own address, for the technician who stands before it."""

import fcntl
import socket
from struct import pack

SIOCGIFADDR = 0x8915  # linux/sockios.h
LOOPBACK = "lo"
ADDRESS = slice(20, 24)  # in struct ifreq: 16 bytes of name, then family and port


def own_address(not_on: str) -> str:
    """Return the IPv4 address of the first interface that is neither loopback nor `not_on`.

    Empty if there is none: a box on a serial cable may have no network but the VPN.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            if name in {LOOPBACK, not_on}:
                continue
            try:
                answer = fcntl.ioctl(asking, SIOCGIFADDR, pack("256s", name.encode()[:15]))
            except OSError:  # this one has no address
                continue
            return socket.inet_ntoa(answer[ADDRESS])
    return ""
