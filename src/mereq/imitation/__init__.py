"""Imitation: policies from what somebody did, without a reward."""
