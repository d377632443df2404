"""Configuration of the teleoperator `mereq_page`."""

from dataclasses import dataclass, field

from lerobot.teleoperators.config import TeleoperatorConfig


@TeleoperatorConfig.register_subclass("mereq_page")
@dataclass(kw_only=True)
class MereqPageConfig(TeleoperatorConfig):
    """Axes that a person moves, and where the page is served.

    Args:
        axes: names of the robot's actions, such as `shoulder_pan.vel`; each has a pair of keys on the page.
        scale: what a held key asks for; without a key an axis is 0.
        host: address to serve on. Any but 127.0.0.1 lets others in who know the address with its token.
        port: port to serve on; 0 for any free one.
    """

    axes: list[str] = field(default_factory=lambda: ["x", "y", "z", "grip"])
    scale: float = 1.0
    host: str = "127.0.0.1"
    port: int = 0
