"""What the box is about, without I/O: standard library only, every rule a table or a pure function."""
