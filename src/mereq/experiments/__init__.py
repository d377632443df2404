"""Runs, their numbers and their pictures."""
