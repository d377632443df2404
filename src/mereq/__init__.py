"""mereq: align a robot policy from a person's interventions.

The five verbs: make a task, `supervise`, `align`, `study`, `show`.
"""

__version__ = "0.2.0"
