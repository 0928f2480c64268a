"""The demo: the real box between its real links, on one page in a browser."""
