"""The nouns every other room shares. NumPy only."""
