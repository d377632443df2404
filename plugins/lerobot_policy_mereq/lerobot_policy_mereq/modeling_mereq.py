"""The policy `mereq`: the graph of an exported policy, executed by onnxruntime.

The graph is kept among the weights, as bytes, so that one model.safetensors has everything, and nothing is unpickled.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from lerobot.policies.pretrained import PreTrainedPolicy
from lerobot.utils.constants import OBS_STATE
from torch import Tensor

from lerobot_policy_mereq.configuration_mereq import MereqConfig

DOMAINS = ("", "ai.onnx")  # of standard operators
FORBIDDEN = ("Loop", "Scan")


class MereqPolicy(PreTrainedPolicy):
    """An aligned policy. It returns its most probable action, in the environment's units."""

    config_class = MereqConfig
    name = "mereq"

    def __init__(self, config: MereqConfig, **_: Any):
        super().__init__(config)
        self.register_buffer("graph", torch.zeros(config.graph_bytes, dtype=torch.uint8))
        self._session: onnxruntime.InferenceSession | None = None

    @classmethod
    def from_export(cls, folder: str | Path) -> "MereqPolicy":
        """The policy of a folder that `mereq export-policy --format onnx` has written.

        Raises:
            ValueError: the folder has no such policy, or its prior is not in the graph.
        """
        folder = Path(folder)
        about, content = json.loads((folder / "config.json").read_text("utf-8")), (folder / "model.onnx").read_bytes()
        session = opened(content)
        if len(session.get_inputs()) != 1:
            raise ValueError(
                f"The policy in {folder} needs the answers of its prior, a function, which is not in its graph. Priors "
                "that are networks of mereq are."
            )
        finite = about["actions"]["kind"] == "Discrete"
        size = 1 if finite else len(about["actions"]["low"])
        config = MereqConfig(
            obs_size=about["obs_size"], action_size=size, finite=finite, graph_bytes=len(content), push_to_hub=False
        )
        policy = cls(config)
        policy.graph.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
        return policy.eval()

    def select_action(self, batch: dict[str, Tensor], **_: Any) -> Tensor:
        """The action for `observation.state`: a row for each of its rows."""
        if self._session is None:
            self._session = opened(self.graph.cpu().numpy().tobytes())
        state = batch[OBS_STATE]
        obs = np.atleast_2d(state.detach().cpu().numpy()).astype(np.float32)
        if self.config.finite:
            (logits,) = self._session.run(["logits"], {self._session.get_inputs()[0].name: obs})
            actions = logits.argmax(axis=1)[:, None]
        else:
            (actions,) = self._session.run(["action"], {self._session.get_inputs()[0].name: obs})
        return torch.from_numpy(np.ascontiguousarray(actions)).to(state.device)

    def predict_action_chunk(self, batch: dict[str, Tensor], **_: Any) -> Tensor:
        """A chunk of one action."""
        return self.select_action(batch)[:, None]

    def reset(self) -> None:
        """Start an episode. The policy has no memory."""

    def get_optim_params(self) -> dict[str, Any]:
        """No parameters to train."""
        return {}

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Any] | None]:
        """Refuse to be trained.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("This policy is aligned by mereq from interventions, and not trained by LeRobot.")


def opened(content: bytes) -> onnxruntime.InferenceSession:
    """A graph of standard operators in one file.

    Raises:
        ValueError: it has other operators, loops, or weights in another file, which may be any file of this machine.
    """
    model = onnx.load_model_from_string(content)
    nodes = [node for graph in (model.graph, *(function for function in model.functions)) for node in graph.node]
    foreign = sorted({node.op_type for node in nodes if node.domain not in DOMAINS or node.op_type in FORBIDDEN})
    nested = [node.op_type for node in nodes for entry in node.attribute if entry.type in (entry.GRAPH, entry.GRAPHS)]
    outside = [tensor.name for tensor in model.graph.initializer if tensor.data_location == tensor.EXTERNAL]
    outside += [
        node.name
        for node in nodes
        for entry in node.attribute
        for tensor in (entry.t, *entry.tensors)
        if tensor.data_location == tensor.EXTERNAL
    ]
    if foreign or nested or outside or model.functions or model.graph.sparse_initializer:
        raise ValueError(
            f"The graph is not opened: operators {foreign + nested}, functions {len(model.functions)}, weights in "
            f"other files {outside}."
        )
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
