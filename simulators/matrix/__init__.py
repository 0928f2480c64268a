"""The transport matrix: the same conversations over good and bad lines, with the same results."""
