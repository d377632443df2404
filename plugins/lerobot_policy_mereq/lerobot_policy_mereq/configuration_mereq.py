"""Configuration of the policy `mereq`."""

from dataclasses import dataclass, field

from lerobot.configs import FeatureType, NormalizationMode, PolicyFeature, PreTrainedConfig
from lerobot.optim import AdamConfig
from lerobot.utils.constants import ACTION, OBS_STATE


@PreTrainedConfig.register_subclass("mereq")
@dataclass
class MereqConfig(PreTrainedConfig):
    """Sizes of an exported policy, and of its graph, which is among the weights.

    Args:
        obs_size: numbers in `observation.state`.
        action_size: numbers in `action`; 1 for finitely many actions, of which it is the number.
        finite: whether actions are finitely many.
        graph_bytes: size of the ONNX graph.
    """

    obs_size: int = 1
    action_size: int = 1
    finite: bool = False
    graph_bytes: int = 0
    normalization_mapping: dict[str, NormalizationMode] = field(
        default_factory=lambda: dict.fromkeys(("STATE", "ACTION"), NormalizationMode.IDENTITY)
    )

    def __post_init__(self):
        self.device = self.device or "cpu"
        super().__post_init__()
        self.input_features = self.input_features or {OBS_STATE: PolicyFeature(FeatureType.STATE, (self.obs_size,))}
        self.output_features = self.output_features or {ACTION: PolicyFeature(FeatureType.ACTION, (self.action_size,))}

    @property
    def observation_delta_indices(self) -> None:
        """None: the policy sees one observation."""
        return None

    @property
    def action_delta_indices(self) -> None:
        """None: the policy returns one action."""
        return None

    @property
    def reward_delta_indices(self) -> None:
        """None: the policy sees no rewards."""
        return None

    def get_optimizer_preset(self) -> AdamConfig:
        """LeRobot asks for an optimizer; this policy is not trained by LeRobot."""
        return AdamConfig()

    def get_scheduler_preset(self) -> None:
        """No scheduler."""
        return None

    def validate_features(self) -> None:
        """Check that the observation is a vector of the policy's size.

        Raises:
            ValueError: it is not.
        """
        found = (self.input_features or {}).get(OBS_STATE)
        if found is None or tuple(found.shape) != (self.obs_size,):
            raise ValueError(
                f"This policy sees `{OBS_STATE}` with {self.obs_size} numbers, and is given "
                f"{'none' if found is None else tuple(found.shape)}."
            )
