"""Builds the flashable card: Debian packages and this repository in, one image file out.

`python -m image`, as root, on Debian. The same commit, packages and wheels give the same bytes. No
foreign code runs: packages are unpacked, and `finish` does what their scripts would have done.
"""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
