"""Gymnasium's names of the tasks' environments. Registering imports no simulator: it notes their names.

`gymnasium.make("mereq.gymnasium_ids:mereq/Highway-v0")` needs no import. Gymnasium 1.0 and later have no plug-in entry
point; a module in front of the name takes its place.
"""

from gymnasium.envs import registration

HIGHWAY_ID = "mereq/Highway-v0"
ARM_IDS = {
    "bottle-pushing": "mereq/BottlePushing-v0",
    "erasing": "mereq/Erasing-v0",
    "pillow-grasping": "mereq/PillowGrasping-v0",
}


def register() -> None:
    """Register the environments for `gymnasium.make` and `make_vec`. May be called repeatedly."""
    if HIGHWAY_ID not in registration.registry:
        registration.register(
            HIGHWAY_ID,
            entry_point="mereq.tasks.highway.environment:HighwayEnv",
            vector_entry_point="mereq.tasks.highway.environment:HighwayVectorEnv",
        )
    for task, env_id in ARM_IDS.items():
        if env_id not in registration.registry:
            registration.register(
                env_id,
                entry_point="mereq.tasks.arm.tasks:make",
                vector_entry_point="mereq.tasks.arm.tasks:make_vec",
                kwargs={"task": task},
            )


register()
