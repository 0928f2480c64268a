"""A tunnel that is up but gives no answer."""

from pathlib import Path

import pytest

from device.tunnel import Tunnel


def count(tree: Path, received: int, sent: int) -> None:
    folder = tree / "wg0" / "statistics"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rx_packets").write_text(f"{received}\n")
    (folder / "tx_packets").write_text(f"{sent}\n")


@pytest.mark.parametrize(
    ("looks", "silent"),
    [
        ([(10, 10)], False),  # one look says nothing
        ([(10, 10), (12, 12)], False),
        ([(10, 10), (10, 12)], True),
        ([(10, 10), (10, 11)], False),  # WireGuard's own keepalive
        ([(10, 10), (10, 10)], False),  # nothing was asked
        ([(10, 10), (11, 12), (11, 13)], True),  # one wallet: a packet a second, longer intervals
        ([(10, 10), (20, 20), (20, 20)], False),  # a payment, and the connection was closed
        ([(10, 10), (10, 11), (10, 11), (10, 12)], False),  # keepalives, far apart
        ([(10, 10), (10, 14), (10, 14)], True),  # the kernel has given up asking
        ([(10, 10), (10, 14), (11, 15)], False),  # it is back
        ([(10, 10), (10, 14), (0, 2)], False),  # another tunnel of that name
    ],
)
def test_packets_that_leave_and_none_that_come_are_silence(
    tmp_path: Path, looks: list[tuple[int, int]], *, silent: bool
) -> None:
    tunnel = Tunnel("wg0", tmp_path)
    for received, sent in looks:
        count(tmp_path, received, sent)
        tunnel.look()
    assert tunnel.silent is silent


def test_an_interface_without_counters_is_not_judged(tmp_path: Path) -> None:
    tunnel = Tunnel("wg0", tmp_path)
    for received, sent in ((1, 1), (1, 9)):
        count(tmp_path, received, sent)
        tunnel.look()
    (tmp_path / "wg0" / "statistics" / "rx_packets").unlink()
    tunnel.look()
    assert not tunnel.silent
