"""Tasks and methods by name, with their settings."""
