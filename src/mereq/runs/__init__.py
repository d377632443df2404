"""A run as a value, and what it is made of, by name."""
