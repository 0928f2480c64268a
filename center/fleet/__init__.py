"""The boxes: last seen, version, backlog, alarms, clock, journal gaps."""
