"""The desk: one patient at a time, every request with a defined answer in every state.

`flow.step(state, event, now) -> (state, effects)` is the whole of it; `device/desk.py` performs the
effects in order and adopts the state only when they were performed.
"""
