"""A new release for the card's other slot: signed, tried once, kept only if the box works with it.

bundle ---> manifest, judge (pure) ---> install: other slot, read back, trial set in one step
restart --> initrd counts the trial down, boots it ---> gate (pure): kept, or the machine
restarts into the slot before it
"""
