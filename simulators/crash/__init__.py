"""Power cuts at every disk operation: what the journal leaves behind must always be enough."""
