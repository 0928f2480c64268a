"""Reports: one declaration each, from which come its page, exports, API answer and charts."""
