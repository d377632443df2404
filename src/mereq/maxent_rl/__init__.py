"""Maximum-entropy reinforcement learning, with a prior policy or without one."""
