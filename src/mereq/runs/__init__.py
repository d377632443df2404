"""Runs: specification, execution, and the parts that are found by name."""
