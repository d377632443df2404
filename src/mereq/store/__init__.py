"""Files on disk: runs, checkpoints, provenance."""
