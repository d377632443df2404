"""Tasks and methods by name, with all their numbers."""
