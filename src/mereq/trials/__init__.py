"""Blind trials: their plan and their store."""
