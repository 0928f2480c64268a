"""Provisioning: the site's office makes one signed, sealed bundle; a box takes it, whole or not.

`bundle` (what is in it) -> `envelope` (sealed and signed bytes) -> a file, or `codes` (parts that a
scanner reads). On the box `intake` collects and judges, `store` switches to it in one step.
"""
