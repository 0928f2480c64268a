"""A payment's trace as lines that a technician can read: what, how long, and when in a bar."""

from device.domain.trace import Share, Stretch, Trace, own_ms, stretches

BAR = 40  # columns for the whole payment
SHARES = {
    Share.BOX: ("扫码墩", "█"),
    Share.PROVIDER: ("平台", "▒"),
    Share.SCANNER: ("扫码枪", "░"),
    Share.PAYER: ("顾客", "·"),
}


def drawn(trace: Trace) -> str:
    """Return the lines, the last with what the box itself took."""
    found = stretches(trace)
    whole_ms = trace.marks[-1][1]
    heading = (
        f"【时间轴】{trace.out_trade_no}  共 {whole_ms:.1f} ms，扫码墩自身 {own_ms(trace):.1f} ms\n"
    )
    legend = "  ".join(f"{sign} {name}" for name, sign in SHARES.values())
    return heading + "".join(_line(s, whole_ms) for s in found) + f"  {legend}\n"


def _line(stretch: Stretch, whole_ms: float) -> str:
    per_column = (whole_ms or 1.0) / BAR
    at = min(BAR - 1, int(stretch.begin_ms / per_column))
    length = max(1, min(BAR - at, round(stretch.took_ms / per_column)))
    bar = " " * at + SHARES[stretch.share][1] * length
    times = f"+{stretch.begin_ms:9.1f}  {stretch.took_ms:8.2f} ms"
    return f"  {times}  |{bar:<{BAR}}|  {stretch.zh} {stretch.en}\n"
