"""Types that all other packages share: actions, distributions, policies, tasks, supervisors. NumPy only."""
