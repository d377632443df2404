"""Recorded runs as datasets: CSV, Minari and LeRobot. The only place that imports pyarrow and Minari."""

from mereq.exports.formats import FORMATS, export
from mereq.exports.recording import Episode, Recording, read_runs

__all__ = ["FORMATS", "Episode", "Recording", "export", "read_runs"]
