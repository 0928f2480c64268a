"""Font data and the tool that makes it; `display/glyphs.py` reads them."""
