"""Lines of the diagnosis about parts that the composition root alone knows."""

from device.app.building import Scanner
from device.config import Config
from device.domain.replies import Part
from device.drivers.scan_sink import ScanSink


def scanner_part(scanner: Scanner, sink: ScanSink) -> Part:
    """The line about the scanner: how it is, and how long the last scans took."""
    if not scanner.online:
        return Part("scanner", "fail", scanner.fault or "扫码枪未连接")
    if sink.trouble:
        return Part("scanner", "warn", sink.trouble)
    took = "、".join(f"{ms:.0f}" for ms in sink.took_ms)
    return Part("scanner", "ok", f"已连接，最近扫码 {took} 毫秒" if took else "已连接")


def display_part(config: Config, *, working: bool) -> Part:
    """The line about the display."""
    driver = config.display.driver
    if driver == "none":
        return Part("display", "warn", "未配置显示屏")
    return Part("display", "ok" if working else "fail", driver if working else f"{driver} 无响应")
