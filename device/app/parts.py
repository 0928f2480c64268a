"""Lines of the diagnosis about parts that the composition root alone knows."""

from device.app.building import Scanner
from device.config import Config
from device.domain.replies import Part


def scanner_part(scanner: Scanner) -> Part:
    """The line about the scanner."""
    return (
        Part("scanner", "ok", "已连接")
        if scanner.online
        else Part("scanner", "fail", scanner.fault or "扫码器未连接")
    )


def display_part(config: Config, *, working: bool) -> Part:
    """The line about the display."""
    driver = config.display.driver
    if driver == "none":
        return Part("display", "warn", "未配置显示屏")
    return Part("display", "ok" if working else "fail", driver if working else f"{driver} 无响应")
