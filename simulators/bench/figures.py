"""The promised figures: what each is, how it is taken, what it is held to. One table, `TARGETS`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MET, MISSED, NOT_MEASURED, NO_LIMIT = "met", "MISSED", "not measured", ""


@dataclass(frozen=True, slots=True)
class Target:
    """One row before it is measured."""

    zh: str
    en: str
    unit: str
    method: str
    limits: tuple[float, ...] = ()
    """One for each value of the row; none = the row only tells."""
    at_least: bool = False
    """The limits are lower ones."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was measured; `values` is empty where it could not be, `why` says so."""

    target: Target
    values: tuple[float, ...] = ()
    why: str = ""

    @property
    def verdict(self) -> str:
        """One of the words above."""
        if not self.values:
            return NOT_MEASURED
        if not self.target.limits:
            return NO_LIMIT
        pairs = zip(self.values, self.target.limits, strict=True)
        good = all(v >= most if self.target.at_least else v <= most for v, most in pairs)
        return MET if good else MISSED

    @property
    def figure(self) -> str:
        """The values as they are printed."""
        return f"{joined(self.values)} {self.target.unit}".strip() if self.values else "-"

    @property
    def limit(self) -> str:
        """What they are held to."""
        sign = "≥" if self.target.at_least else "≤"
        return f"{sign} {joined(self.target.limits)}" if self.target.limits else ""


def joined(values: Iterable[float]) -> str:
    """Return the numbers with about three digits that count."""
    return " / ".join(_number(value) for value in values)


def _number(value: float) -> str:
    if value == int(value) or value >= 100:  # noqa: PLR2004  three digits before the point
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004


def rows(measured: Mapping[str, Sequence[float]], why: Mapping[str, str]) -> list[Row]:
    """Return a row for every target, whether it was measured or not."""
    unknown = set(measured) - set(TARGETS)
    assert not unknown, f"figures without a target: {sorted(unknown)}"
    return [
        Row(target, tuple(measured.get(key, ())), why.get(key, ""))
        for key, target in TARGETS.items()
    ]


_STAND = "real box, emulated gateways; p50 / p99"
_SPLIT = "from the journal's traces of the same payments; p50 / p99"
_PANELS = "ssd1306 / ssd1309 / sh1106 / ssd1322, from the bytes at 400 kHz I2C or 8 MHz SPI"

TARGETS: dict[str, Target] = {
    "own": Target(
        "一笔付款中扫码墩自身用时",
        "box's own time of a payment",
        "ms",
        f"last scan byte to HIS answer, less the gateway's time; {_STAND}",
        (3.0, 10.0),
    ),
    "bare": Target(
        "  同样交换的裸用时",
        "  the same exchange, bare",
        "ms",
        "after each payment: 3 KiB written and fdatasynced twice, one TCP round trip; p50 / p99",
    ),
    "own_over_bare": Target(
        "  自身用时是裸用时的几倍",
        "  own time over bare",
        "x",
        "medians of the two rows above, 3 ms over the 0.6 ms of a quiet machine: holds anywhere",
        (5.0,),
    ),
    "split_scan": Target(
        "  扫码送达、线路", "  scan and lines", "ms", "own time less what follows"
    ),
    "split_intent": Target("  写入意图", "  commit the intent", "ms", _SPLIT),
    "split_sign": Target("  签名", "  sign", "ms", _SPLIT),
    "split_send": Target("  发出请求", "  send", "ms", _SPLIT),
    "split_parse": Target("  验签解析", "  verify, parse", "ms", _SPLIT),
    "split_result": Target("  写入结果", "  commit the result", "ms", _SPLIT),
    "split_answer": Target("  答复 HIS", "  answer the HIS", "ms", _SPLIT),
    "trips": Target(
        "付款时不新建连接、不多问一次的比例",
        "payments without an added round trip",
        "%",
        "desks in parallel, 10 to 60 s between payments, both wallets; seen on the wire",
        (99.0,),
        at_least=True,
    ),
    "start": Target(
        "启动到可收款，热 / 冷",
        "start to ready, warm / cold",
        "s",
        "process start to `ready`, median of 5; cold: its files dropped from the page cache",
        (0.5, 0.8),
    ),
    "memory": Target(
        "常驻内存", "resident memory", "MB", "VmRSS after the first payments", (48.0,)
    ),
    "growth": Target(
        "内存增长",
        "growth of memory",
        "MB",
        "from the middle of the timed payments to their end (`make soak`: over 100,000)",
        (1.0,),
    ),
    "flushes": Target(
        "每笔付款刷盘次数",
        "flushes of a payment",
        "",
        "SQLite's VFS, 40 payments of three commits on a virtual clock, checkpoints included",
        (4.0,),
    ),
    "disk": Target("每笔付款写盘", "bytes of a payment", "KiB", "the same", (48.0,)),
    "idle": Target(
        "空闲时每秒唤醒", "wake-ups a second, idle", "", "voluntary context switches", (1.0,)
    ),
    "idle_disk": Target(
        "空闲时写盘", "bytes written, idle", "bytes", "the kernel's count, meanwhile", (0.0,)
    ),
    "panel_same": Target("屏幕：画面不变", "panel: same picture", "bytes", _PANELS, (0.0,) * 4),
    "panel_typical": Target(
        "屏幕：典型变化",
        "panel: typical change",
        "ms",
        f"median of a payment's changes; {_PANELS}",
        (5.0,) * 4,
    ),
    "panel_whole": Target(
        "屏幕：整幅",
        "panel: whole picture",
        "ms",
        f"after power-on; {_PANELS}",
        (24.0, 24.0, 24.4, 24.0),  # SH1106: eight pages addressed one by one (docs/display.md)
    ),
    "lag": Target(
        "磁盘停顿 500 ms 时主循环滞后",
        "loop lag, disk stalled 500 ms",
        "ms",
        "worst of a 5 ms beat in the box, every commit stalled during payments",
        (20.0,),
    ),
    "simulated": Target(
        "模拟付款，每核每秒",
        "simulated payments/s and core",
        "",
        "`paybox simulate`: full code, every fault, every judge",
        (600.0,),
        at_least=True,
    ),
    "violations": Target("模拟中的违反", "violations there", "", "the same run", (0.0,)),
    "boot": Target(
        "模拟器中整卡开机到可收款",
        "boot of the card in the emulator",
        "s",
        "QEMU without acceleration, recorded by `make test-image`",
        (240.0,),
    ),
}
