"""Emulator of the whole cell: controller, arm, table, camera and the person who puts the bottle back.

`python -m mereq.robots.emulator --write lab.toml` starts it on this machine's loopback.
"""
