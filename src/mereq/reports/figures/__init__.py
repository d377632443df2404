"""Figures of runs and studies. The only package that imports matplotlib."""

from mereq.reports.figures.defaults import with_defaults  # isort: skip  first, since it says what is wrong with settings
from mereq.reports.figures.arm import Panel, arm_figure
from mereq.reports.figures.behaviour import feature_figure, return_figure
from mereq.reports.figures.benchmark import Measure, benchmark_figure
from mereq.reports.figures.calibration import calibration_figure
from mereq.reports.figures.curves import curves_figure
from mereq.reports.figures.run import RunCurves, run_figure
from mereq.reports.figures.study import study_figure, theta_figure

__all__ = [
    "Measure",
    "Panel",
    "RunCurves",
    "arm_figure",
    "benchmark_figure",
    "calibration_figure",
    "curves_figure",
    "feature_figure",
    "return_figure",
    "run_figure",
    "study_figure",
    "theta_figure",
    "with_defaults",
]
