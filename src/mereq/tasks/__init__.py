"""Tasks: physics, measurements in SI units, features, reward weights, intervention rule."""
