"""LeRobot teleoperator `mereq_page`: the page of `mereq supervise`, for any robot of LeRobot.

LeRobot imports packages of this name by itself: `lerobot-teleoperate --teleop.type=mereq_page --teleop.axes='[x, y]'`.
"""

from lerobot_teleoperator_mereq.config_mereq_page import MereqPageConfig
from lerobot_teleoperator_mereq.mereq_page import MereqPage

__all__ = ["MereqPage", "MereqPageConfig"]
