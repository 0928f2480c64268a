"""`paybox rehearse`: a box that has bad luck on purpose, to try a HIS on."""
