"""Processors of the policy `mereq`: batching and devices. The graph normalises nothing, and neither do they."""

from typing import Any

import torch
from lerobot.processor import PolicyAction, PolicyProcessorPipeline, make_default_pre_post_processors

from lerobot_policy_mereq.configuration_mereq import MereqConfig


def make_mereq_pre_post_processors(
    config: MereqConfig, dataset_stats: dict[str, dict[str, torch.Tensor]] | None = None
) -> tuple[
    PolicyProcessorPipeline[dict[str, Any], dict[str, Any]], PolicyProcessorPipeline[PolicyAction, PolicyAction]
]:
    """Pipelines before and after the policy, under the name that LeRobot looks for."""
    return make_default_pre_post_processors(config, dataset_stats, normalizer_device=config.device)
