"""Policies of other libraries, opened as priors without executing anything that their files contain."""
