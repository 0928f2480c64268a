"""What the box is about, without I/O: standard library only, rules as tables and pure functions."""
