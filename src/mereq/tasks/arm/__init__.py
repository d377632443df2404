"""A six-axis arm in MuJoCo and its three tasks. Spec sections 5.2 to 5.5."""
