"""Recorded runs as datasets: CSV, Minari and LeRobot. The only place that knows pyarrow and Minari."""

from mereq.experiments.exports.formats import FORMATS, export
from mereq.experiments.exports.recording import Episode, Recording, read_runs

__all__ = ["FORMATS", "Episode", "Recording", "export", "read_runs"]
