"""`python -m lerobot_policy_mereq EXPORTED OUT`: a folder of `mereq export-policy` as one of LeRobot's."""

import argparse
from pathlib import Path

from lerobot_policy_mereq.modeling_mereq import MereqPolicy
from lerobot_policy_mereq.processor_mereq import make_mereq_pre_post_processors


def convert(exported: Path, out: Path) -> None:
    """Write config.json, model.safetensors, and the processors."""
    policy = MereqPolicy.from_export(exported)
    policy.save_pretrained(out)
    for processor in make_mereq_pre_post_processors(policy.config):
        processor.save_pretrained(out)


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("exported", type=Path, help="folder of `mereq export-policy RUN --format onnx`")
    words.add_argument("out", type=Path)
    given = words.parse_args()
    convert(given.exported, given.out)
    print(given.out)
