"""The scanner drivers on a real kernel: Debian's, in QEMU, with a USB keyboard typed on by QMP.

`python -m simulators.scanner_vm` (`make test-scanner`). What no test over a pipe can show: that the
kernel's events, its buffer, its autorepeat, grabs and unplugging are as the drivers believe.
"""
