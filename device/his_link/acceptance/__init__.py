"""`paybox his ADDRESS acceptance`: a scripted acceptance test against a box, with a report."""
