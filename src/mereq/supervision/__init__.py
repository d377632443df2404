"""Supervised rollouts: intervention rules, synthesized experts, noise, and robots."""
