"""LeRobot policy `mereq`: an aligned policy that `mereq export-policy --format onnx` has written.

LeRobot imports packages of this name by itself. `python -m lerobot_policy_mereq EXPORTED OUT` turns an exported folder
into one that LeRobot's commands take: `lerobot-rollout --policy.path=OUT`.
"""

from lerobot_policy_mereq.configuration_mereq import MereqConfig

__all__ = ["MereqConfig"]
