"""Six-axis arm in MuJoCo and its three tasks. App. A.1.2-A.1.4; docs/arm.md describes the models."""

from mereq.gymnasium_ids import ARM_IDS, register
from mereq.tasks.arm.tasks import BOTTLE_PUSHING, ERASING, PILLOW_GRASPING

__all__ = ["BOTTLE_PUSHING", "ENV_IDS", "ERASING", "PILLOW_GRASPING", "register"]

ENV_IDS = ARM_IDS
register()
