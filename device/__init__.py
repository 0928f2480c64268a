"""The firmware of the payment box: one process, one loop that decides."""

__version__ = "0.1.0"
