"""Where every scanner hands its results: the callbacks of the composition root."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from device.domain.ports import OnGarbled, OnScan
from device.drivers.scan_assembler import Garbled, Result, Scan

LAST_SCANS = 5  # as many as a technician tries
TROUBLES = {
    "overrun": "有按键丢失，已要求重扫：主机过忙",
    "cut": "有扫码中途停顿而作废：检查后缀是否为回车、字符间延时是否为 0",
    "layout": "扫码枪的键盘布局不是美式（US），见扫码枪设置单",
    "stuck": "扫码枪有按键卡住，请重新插拔",
}
"""What a technician should know of a scan that was thrown away; other reasons are the patient's."""


@dataclass(slots=True)
class ScanSink:
    """`on_online(True)` when a scanner begins to work, `on_online(False)` when it is gone."""

    on_scan: OnScan
    on_garbled: OnGarbled
    on_online: Callable[[bool], None]
    took_ms: deque[float] = field(default_factory=lambda: deque(maxlen=LAST_SCANS))
    """Of the last scans, first key to last key."""
    ended_by: str = ""
    """How the last scan ended (`Scan.ended_by`)."""
    trouble: str = ""
    """What was wrong with the last scan, for the technician; empty once one was good."""

    def take(self, result: Result) -> None:
        """Pass a result of the assembler on."""
        if isinstance(result, Scan):
            self.trouble, self.ended_by = "", result.ended_by
            self.took_ms.append((result.last_s - result.first_s) * 1000)
            self.on_scan(result.text, result.first_s)
        elif isinstance(result, Garbled):
            self.trouble = TROUBLES.get(result.why, self.trouble)
            self.on_garbled(result.why)
