"""Where every scanner hands its results: the callbacks of the composition root."""

from collections.abc import Callable
from dataclasses import dataclass

from device.domain.ports import OnGarbled, OnScan
from device.drivers.scan_assembler import Garbled, Result, Scan


@dataclass(frozen=True, slots=True)
class ScanSink:
    """`on_online(True)` when a scanner begins to work, `on_online(False)` when it is gone."""

    on_scan: OnScan
    on_garbled: OnGarbled
    on_online: Callable[[bool], None]

    def take(self, result: Result) -> None:
        """Pass a result of the assembler on."""
        if isinstance(result, Scan):
            self.on_scan(result.text, result.first_s)
        elif isinstance(result, Garbled):
            self.on_garbled(result.why)
