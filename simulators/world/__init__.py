"""The deterministic world: the real box on a virtual clock, among providers, HIS and patients.

Everything that happens is a function of (seed, commit): `loop` turns the hands of the clock,
`network`, `disk` and `his` fail by the seed, `box` plugs the real parts together, `checkers` watch
the invariants of payment-states §4, `history` runs one seed, `__main__` is `paybox simulate`.
"""
