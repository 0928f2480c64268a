"""Which releases a box takes, and whether one on trial is kept. Pure."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from device.errors import UpdateRefused
from device.update.manifest import Manifest, order_of
from device.update.slots import Slots

OLDEST_ALLOWED = "0.1.0"
"""No box goes back behind this one; raised when a release mends what nobody may run again."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a box goes by when it judges a release."""

    version: str
    kernel: str
    running: str
    """The slot that this release booted from."""
    slots: Slots
    known: Collection[str]
    """Migrations of the journal that the running release knows."""
    applied: Collection[str]
    """Those that the journal has."""
    additive: Callable[[str], bool]
    """Whether a release that does not know this migration can still use the journal."""
    payment_open: bool


def judge(manifest: Manifest, standing: Standing) -> None:
    """UpdateRefused if this release is not to be installed now."""
    for wrong, why in _reasons(manifest, standing):
        if wrong:
            raise UpdateRefused(why)


def _reasons(new: Manifest, box: Standing) -> list[tuple[bool, str]]:
    version = order_of(new.version)
    not_read = [m for m in box.applied if m not in new.migrations and not box.additive(m)]
    no_way_back = [m for m in new.migrations if m not in box.known and not box.additive(m)]
    return [
        (
            box.running != box.slots.good,
            "当前版本尚在试运行 / the running release is itself on trial",
        ),
        (
            version == order_of(box.version),
            f"已是版本 {box.version} / this version is running",
        ),
        (
            version < order_of(OLDEST_ALLOWED),
            f"版本低于 {OLDEST_ALLOWED}，不可退回 / older than is allowed",
        ),
        (
            bool(not_read),
            "该版本读不了现有流水 / it cannot read this box's journal",
        ),
        (
            bool(no_way_back),
            "当前版本读不了它写的流水，无法退回；先升级到中间版本 / no way back from it",
        ),
        (
            new.kernel != box.kernel,
            f"需要内核 {new.kernel}，本卡为 {box.kernel}；请换卡 / another kernel: flash a card",
        ),
        (box.payment_open, "有未完成的收款，稍后再试 / a payment is open"),
    ]


@dataclass(frozen=True, slots=True)
class Look:
    """How a box on trial is."""

    ready: bool
    """The firmware has said so; or, without a configuration, it waits for one."""
    journal_fault: str
    vpn_up: bool


def faults(look: Look, *, vpn_was_up: bool) -> list[str]:
    """Return why a release on trial cannot be kept yet; empty if it can."""
    found = [] if look.ready else ["主程序未就绪 / the firmware is not ready"]
    if look.journal_fault:
        found.append(f"流水 / journal: {look.journal_fault}")
    if vpn_was_up and not look.vpn_up:
        found.append("专网未连接，升级前是通的 / VPN down, it was up before")
    return found
