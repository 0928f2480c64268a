"""Measures the statistics centre with many rows; `python -m simulators.center_bench`."""
