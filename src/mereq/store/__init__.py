"""What is written to disk: runs, checkpoints, provenance."""
