"""Six-axis arm in MuJoCo and its three tasks. App. A.1.2-A.1.4; docs/arm.md describes the models."""

import gymnasium

from mereq.tasks.arm.tasks import BOTTLE_PUSHING, ERASING, PILLOW_GRASPING

__all__ = ["BOTTLE_PUSHING", "ENV_IDS", "ERASING", "PILLOW_GRASPING", "register"]

ENV_IDS = {
    "bottle-pushing": "mereq/BottlePushing-v0",
    "erasing": "mereq/Erasing-v0",
    "pillow-grasping": "mereq/PillowGrasping-v0",
}


def register() -> None:
    """Register the tasks for `gymnasium.make("mereq/Erasing-v0")` and `make_vec`. May be called repeatedly."""
    for name, env_id in ENV_IDS.items():
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point="mereq.tasks.arm.tasks:make",
                vector_entry_point="mereq.tasks.arm.tasks:make_vec",
                kwargs={"task": name},
            )


register()
