"""Tasks: physics, measurements in SI units, features, reward weights and intervention rules."""
