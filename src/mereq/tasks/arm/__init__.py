"""A six-axis arm in MuJoCo and its three tasks. Spec sections 5.2 to 5.5; what was modelled and why: docs/arm.md."""

import gymnasium

from mereq.tasks.arm.tasks import BOTTLE_PUSHING, ERASING, PILLOW_GRASPING

__all__ = ["BOTTLE_PUSHING", "ENV_IDS", "ERASING", "PILLOW_GRASPING", "register"]

ENV_IDS = {
    "bottle-pushing": "mereq/BottlePushing-v0",
    "erasing": "mereq/Erasing-v0",
    "pillow-grasping": "mereq/PillowGrasping-v0",
}


def register() -> None:
    """Make `gymnasium.make("mereq/Erasing-v0")` and `gymnasium.make_vec` of it known; calling it again does nothing."""
    for name, env_id in ENV_IDS.items():
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point="mereq.tasks.arm.tasks:make",
                vector_entry_point="mereq.tasks.arm.tasks:make_vec",
                kwargs={"task": name},
            )


register()
