"""The pictures of docs/arm.md, drawn without GL from scripted episodes.

    python benchmarks/pictures/arm_pictures.py --out docs/pictures

Needs no GL. About 0.1 s a picture.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.definition import Measured
from mereq.tasks.arm.drawing import draw
from mereq.tasks.arm.environment import ArmEnv

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "helpers"))  # arm_scripts
from arm_scripts import grasp, push, wipe

SHOTS = {  # name: task, script, steps before the picture
    "arm_bottle_pushing": (bottle_pushing, push(0.02), 24),
    "arm_bottle_toppled": (bottle_pushing, push(0.15), 40),
    "arm_erasing": (erasing, wipe(0.015), 60),
    "arm_pillow_grasping": (pillow_grasping, grasp(0.0), 40),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    out = parser.parse_args().out
    for name, (module, script, steps) in SHOTS.items():
        env = ArmEnv(module.TASK, render_mode="rgb_array")
        _, info = env.reset(seed=3)
        for _ in range(steps):
            _, _, _, _, info = env.step(script(batch_of_one(info["measurements"]))[0])
        Image.fromarray(draw(env.scene())).save(out / f"{name}.png", optimize=True)


def batch_of_one(measured: Measured) -> Measured:
    """Scripts want measurements of n environments."""
    return type(measured)(**{name: np.asarray(value)[np.newaxis] for name, value in vars(measured).items()})


if __name__ == "__main__":
    main()
