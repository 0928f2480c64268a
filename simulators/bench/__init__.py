"""Every promised figure in one table: `python -m simulators.bench`, or `make bench`."""
