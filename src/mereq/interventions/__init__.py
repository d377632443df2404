"""Records of supervised rollouts, and what is derived from them: segments, expert and pseudo-expert steps."""
