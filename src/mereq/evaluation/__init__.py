"""Rollouts of a policy on its own, task metrics and clips."""
