"""Maximum-entropy reinforcement learning, with or without a prior policy. Section 3.1."""
