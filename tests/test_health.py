"""What the box knows of its parts before it takes money (payment-states §1.6, §1.7).

Interfaces are files under a temporary tree; time is a loop's that jumps.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from device.clock import BEIJING
from device.domain.outcome import (
    NotVerified,
    PayOrder,
    PayOutcome,
    QueryOutcome,
    RefundOrder,
    RefundOutcome,
    RefundSum,
    ReverseOutcome,
    Unknown,
    Verification,
    Verified,
)
from device.domain.replies import Part
from device.domain.words import Wallet
from device.health import (
    HealthWatch,
    Sight,
    clock_part,
    disk_part,
    in_order,
    notify,
    vpn_is_up,
    vpn_part,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from pathlib import Path

    from device.domain.desk.model import Health

WECHAT = frozenset({Wallet.WECHAT})
BOTH = frozenset(Wallet)
WRONG_KEY = NotVerified("微信支付：API 密钥不对", configuration=True)
NO_LINE = NotVerified("网关不通", configuration=False)


class JumpingSelector(selectors.DefaultSelector):
    """Never waits: what the loop would have slept is added to its time."""

    jumped_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is not None and timeout > 0:
            self.jumped_s += timeout
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.jumping = JumpingSelector()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.jumped_s


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class FakeClock:
    is_sane: bool = True

    def monotonic(self) -> float:
        return now()

    def wall(self) -> datetime:
        return datetime(2026, 11, 22, 9, 0, tzinfo=BEIJING)

    def sane(self) -> bool:
        return self.is_sane


@dataclass
class FakeChannel:
    """Verifies and answers as told; `takes_s` for each look."""

    wallet: Wallet = Wallet.WECHAT
    verifications: Sequence[Verification] = (Verified(),)
    answers: bool = True
    takes_s: float = 0.0
    log: list[tuple[float, str]] = field(default_factory=list)

    async def verify(self) -> Verification:
        done = sum(what == "verify" for _, what in self.log)
        self.log.append((now(), "verify"))
        await asyncio.sleep(self.takes_s)
        return self.verifications[min(done, len(self.verifications) - 1)]

    async def warm(self) -> bool:
        self.log.append((now(), "warm"))
        await asyncio.sleep(self.takes_s)
        return self.answers

    def times(self, what: str) -> list[float]:
        return [at for at, asked in self.log if asked == what]

    async def pay(self, order: PayOrder) -> PayOutcome:
        raise AssertionError(f"looking has no side effect: {order!r}")

    async def query(self, out_trade_no: str, amount_fen: int | None = None) -> QueryOutcome:
        raise AssertionError(out_trade_no, amount_fen)

    async def reverse(self, out_trade_no: str) -> ReverseOutcome:
        raise AssertionError(out_trade_no)

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        raise AssertionError(order)

    async def query_refund(self, order: RefundOrder) -> RefundOutcome:
        raise AssertionError(order)

    async def refunded_sum(self, out_trade_no: str) -> RefundSum | Unknown:
        raise AssertionError(out_trade_no)

    async def aclose(self) -> None:
        return


class Ward:
    """A watch with everything around it, and what it told the desk when."""

    def __init__(self, tree: Path, *channels: FakeChannel, vpn: str = "") -> None:
        self.clock = FakeClock()
        self.busy = False
        self.told: list[tuple[float, Health]] = []
        sight = Sight(vpn, tree, self.clock, lambda: True, interfaces=tree)
        self.watch = HealthWatch(
            sight,
            {c.wallet: c for c in channels},
            {},
            lambda health: self.told.append((now(), health)),
            lambda: self.busy,
        )

    @property
    def newest(self) -> Health:
        return self.told[-1][1]

    def vpn_up(self) -> bool:
        return self.newest.vpn_up


def live(ward: Callable[[], Ward], story: Callable[[Ward], Coroutine[Any, Any, None]]) -> Ward:
    made: list[Ward] = []

    async def main() -> None:
        here = ward()
        made.append(here)
        task = asyncio.create_task(here.watch.run())
        await story(here)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(main())
    return made[0]


def interface(tree: Path, state: str, name: str = "wg0") -> None:
    (tree / name).mkdir(exist_ok=True)
    (tree / name / "operstate").write_text(state + "\n")


# the interface


@pytest.mark.parametrize(
    ("state", "is_up"),
    [
        ("up", True),
        ("unknown", True),  # what WireGuard says while it works
        ("down", False),
        ("lowerlayerdown", False),
        ("notpresent", False),
        ("dormant", False),
    ],
)
def test_an_interface_is_up_when_it_can_carry(tmp_path: Path, state: str, is_up: bool) -> None:  # noqa: FBT001
    interface(tmp_path, state)
    assert vpn_is_up("wg0", tmp_path) is is_up


def test_an_interface_that_is_not_there_is_down_and_none_required_is_up(tmp_path: Path) -> None:
    assert not vpn_is_up("wg0", tmp_path)
    assert vpn_is_up("", tmp_path)


def test_the_desk_hears_within_three_seconds_that_the_vpn_went(tmp_path: Path) -> None:
    interface(tmp_path, "unknown")

    async def story(ward: Ward) -> None:
        await asyncio.sleep(10.5)
        assert ward.vpn_up()
        (tmp_path / "wg0" / "operstate").unlink()
        await asyncio.sleep(3)
        assert not ward.vpn_up()
        interface(tmp_path, "up")
        await asyncio.sleep(3)
        assert ward.vpn_up()

    ward = live(lambda: Ward(tmp_path, FakeChannel(), vpn="wg0"), story)
    gone = next(at for at, health in ward.told if at > 1 and not health.vpn_up)
    assert gone <= 10.5 + 3


def traffic(tree: Path, received: int, sent: int) -> None:
    folder = tree / "wg0" / "statistics"
    folder.mkdir(exist_ok=True)
    (folder / "rx_packets").write_text(str(received))
    (folder / "tx_packets").write_text(str(sent))


def test_a_tunnel_without_an_answer_is_told_within_three_seconds_and_asked_at_once(
    tmp_path: Path,
) -> None:
    interface(tmp_path, "unknown")
    channel = FakeChannel()

    async def story(ward: Ward) -> None:
        for second in range(8):
            traffic(tmp_path, 2 * second, 2 * second)
            await asyncio.sleep(1)
        assert ward.vpn_up()
        for second in range(8, 11):
            traffic(tmp_path, 14, 2 * second)
            await asyncio.sleep(1)
        assert not ward.vpn_up()
        assert [p.text for p in ward.watch.parts() if p.part == "vpn"] == [
            "VPN 没有应答：wg0 发得出、收不到"
        ]
        traffic(tmp_path, 15, 23)
        await asyncio.sleep(2)
        assert ward.vpn_up()

    live(lambda: Ward(tmp_path, channel, vpn="wg0"), story)
    assert len(channel.times("warm")) == 2  # when it fell silent, and when it was back


def test_the_desk_hears_of_changes_only(tmp_path: Path) -> None:
    async def story(_: Ward) -> None:
        await asyncio.sleep(600)

    ward = live(lambda: Ward(tmp_path, FakeChannel()), story)
    assert len(ward.told) <= 2


def test_the_desk_hears_of_the_clock(tmp_path: Path) -> None:
    async def story(ward: Ward) -> None:
        await asyncio.sleep(5)
        ward.clock.is_sane = False
        await asyncio.sleep(3)
        assert not ward.newest.clock_sane

    live(lambda: Ward(tmp_path, FakeChannel()), story)


# verification


def test_a_channel_takes_money_only_after_it_verified(tmp_path: Path) -> None:
    channel = FakeChannel(takes_s=2)

    async def story(ward: Ward) -> None:
        await asyncio.sleep(1)
        assert ward.newest.verified == frozenset()
        await asyncio.sleep(2)
        assert ward.newest.verified == WECHAT

    live(lambda: Ward(tmp_path, channel), story)
    assert channel.log[0] == (0, "verify")


def test_a_pay_waits_for_the_first_verification(tmp_path: Path) -> None:
    async def story(ward: Ward) -> None:
        began = now()
        assert await ward.watch.ready_wallets(WECHAT) == WECHAT
        assert now() - began == pytest.approx(2)

    live(lambda: Ward(tmp_path, Slow(takes_s=2)), story)


class Slow(FakeChannel):
    """Verifying takes time, warming does not."""

    async def warm(self) -> bool:
        return self.answers


@pytest.mark.parametrize("takes_s", [2.99, 3.5, 60.0])
def test_but_three_seconds_at_most(tmp_path: Path, takes_s: float) -> None:
    async def story(ward: Ward) -> None:
        began = now()
        ready = await ward.watch.ready_wallets(BOTH)
        assert (ready == WECHAT) is (takes_s < 3)
        assert now() - began <= 3.001

    live(lambda: Ward(tmp_path, Slow(takes_s=takes_s)), story)


def test_a_wrong_key_is_one_clear_line_and_looked_at_again(tmp_path: Path) -> None:
    channel = FakeChannel(verifications=[WRONG_KEY, WRONG_KEY, Verified()])

    async def story(ward: Ward) -> None:
        await asyncio.sleep(5)
        assert ward.newest.verified == frozenset()
        assert ward.newest.reachable == WECHAT, "the line is good, the key is not"
        assert Part("wechat", "fail", WRONG_KEY.text) in ward.watch.parts()
        assert await ward.watch.ready_wallets(WECHAT) == frozenset()
        await asyncio.sleep(20)
        assert ward.newest.verified == WECHAT

    live(lambda: Ward(tmp_path, channel), story)
    assert channel.times("verify") == [0, 10, 20]


def test_a_host_not_reached_at_first_is_tried_every_three_seconds(tmp_path: Path) -> None:
    channel = FakeChannel(verifications=[NO_LINE, NO_LINE, Verified()])

    async def story(ward: Ward) -> None:
        await asyncio.sleep(1)
        assert ward.newest.reachable == frozenset()
        await asyncio.sleep(9)
        assert ward.newest.reachable == ward.newest.verified == WECHAT

    live(lambda: Ward(tmp_path, channel), story)
    assert channel.times("verify") == [0, 3, 6]


# probes


def test_an_idle_channel_is_probed_every_30_s(tmp_path: Path) -> None:
    channel = FakeChannel()

    async def story(_: Ward) -> None:
        await asyncio.sleep(100)

    live(lambda: Ward(tmp_path, channel), story)
    assert channel.times("warm") == [30, 60, 90]


def test_a_channel_in_use_is_left_alone(tmp_path: Path) -> None:
    channel = FakeChannel()

    async def story(ward: Ward) -> None:
        ward.busy = True
        await asyncio.sleep(100)

    live(lambda: Ward(tmp_path, channel), story)
    assert channel.times("warm") == []


def test_after_a_failed_probe_pay_is_offline_at_once_and_the_line_is_tried_again(
    tmp_path: Path,
) -> None:
    channel = FakeChannel()

    async def story(ward: Ward) -> None:
        channel.answers = False
        await asyncio.sleep(31)
        assert ward.newest.reachable == frozenset()
        began = now()
        assert await ward.watch.ready_wallets(WECHAT) == frozenset()
        assert now() == began
        assert any(p.part == "wechat" and p.state == "fail" for p in ward.watch.parts())
        channel.answers = True
        await asyncio.sleep(3)
        assert ward.newest.reachable == WECHAT

    live(lambda: Ward(tmp_path, channel), story)


@pytest.mark.parametrize("takes_s", [0.1, 60.0])
def test_a_host_that_does_not_answer_the_warming_is_not_ready(
    tmp_path: Path, takes_s: float
) -> None:
    channel = FakeChannel()

    async def story(ward: Ward) -> None:
        await asyncio.sleep(1)
        channel.answers, channel.takes_s = False, takes_s
        began = now()
        assert await ward.watch.ready_wallets(WECHAT) == frozenset()
        assert now() - began <= 3.001

    live(lambda: Ward(tmp_path, channel), story)


def test_one_dead_wallet_does_not_hold_up_the_other(tmp_path: Path) -> None:
    dead = FakeChannel(Wallet.ALIPAY, verifications=[NO_LINE])

    async def story(ward: Ward) -> None:
        await asyncio.sleep(1)
        assert await ward.watch.ready_wallets(BOTH) == WECHAT

    live(lambda: Ward(tmp_path, FakeChannel(), dead), story)


def test_a_wallet_that_is_not_configured_is_never_ready(tmp_path: Path) -> None:
    async def story(ward: Ward) -> None:
        await asyncio.sleep(1)
        assert await ward.watch.ready_wallets(frozenset({Wallet.ALIPAY})) == frozenset()

    live(lambda: Ward(tmp_path, FakeChannel()), story)


# the lines of the diagnosis


def test_the_parts_stand_in_the_contract_s_order() -> None:
    names = ["sync", "journal", "disk", "clock", "alipay", "wechat", "vpn", "his_link"]
    shuffled = [Part(n, "ok", "") for n in [*names, "display", "scanner"]]
    assert [p.part for p in in_order(shuffled)] == [
        "scanner",
        "display",
        "his_link",
        "vpn",
        "wechat",
        "alipay",
        "clock",
        "disk",
        "journal",
        "sync",
    ]


def test_each_line_says_what_is_so(tmp_path: Path) -> None:
    sight = Sight("wg0", tmp_path, FakeClock(), lambda: True, interfaces=tmp_path)
    assert vpn_part(sight).state == "fail"
    assert "wg0" in vpn_part(sight).text
    interface(tmp_path, "up")
    assert vpn_part(sight).state == "ok"
    assert vpn_part(replace(sight, vpn_interface="")).state == "ok"
    assert clock_part(FakeClock()).state == "ok"
    assert clock_part(FakeClock(is_sane=False)).state == "fail"
    assert disk_part(sight).state in {"ok", "warn"}
    assert disk_part(replace(sight, data_dir=tmp_path / "gone")).state == "fail"


def test_a_channel_not_yet_verified_is_a_warning(tmp_path: Path) -> None:
    ward = Ward(tmp_path, FakeChannel())
    assert [p.state for p in ward.watch.parts() if p.part == "wechat"] == ["warn"]


# systemd


def test_the_watchdog_is_fed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as here:
        here.bind(address)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        notify("WATCHDOG=1")
        assert here.recv(64) == b"WATCHDOG=1"


def test_without_systemd_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("WATCHDOG=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/notify")
    notify("WATCHDOG=1")
