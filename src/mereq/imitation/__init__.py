"""Imitation learning: policies from demonstrations, without a reward. Section 4."""
