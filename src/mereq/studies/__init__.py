"""Grids of runs: their file, their driver, its engines, their store."""
