"""A policy as one ONNX graph, with its prior where that is a network of ours.

The input is `obs` (n, obs), float32. Outputs of discrete actions are `logits` and `action`, the most probable one.
Outputs of continuous actions are `mean` and `log_std`, before a tanh or, of a clipped normal, in the environment's
units; and `action`, the deterministic one in these units. A prior of another kind is a second input, `prior`: its
log-probabilities, or its mean and log-std side by side, both for actions between -1 and 1.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mereq.core.actions import Box, Discrete
from mereq.core.errors import CannotExport
from mereq.core.policy import Policy
from mereq.core.seeding import stream
from mereq.core.task import Task
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.gaussians import CLIPPED, SQUASHED, Family, family_of
from mereq.maxent_rl.networks import MLP
from mereq.maxent_rl.sac import ActorPolicy

OPSET, IR = 17, 9


def onnx_model(policy: Policy, task: Task, about: dict[str, str]) -> Any:
    """The policy's graph, a `ModelProto`.

    Args:
        policy: a `QPolicy` or an `ActorPolicy`.
        task: the policy's task.
        about: entries of the file's metadata.

    Raises:
        CannotExport: the policy chooses among a prior's samples, or the package onnx is missing.
    """
    try:
        from onnx import TensorProto, helper
    except ImportError as error:
        raise CannotExport(f"ONNX needs a package more: pip install 'mereq[onnx]' ({error}).") from error
    graph = _Graph()
    if isinstance(policy, QPolicy) and isinstance(task.actions, Discrete):
        kind, outputs = "logits", _discrete(graph, policy)
    elif isinstance(policy, ActorPolicy) and isinstance(task.actions, Box):
        kind, outputs = _continuous(graph, policy, task)
    else:
        raise CannotExport(
            f"A {type(policy).__name__} is not exported as ONNX: its prior, which draws the actions, is no graph. Use "
            "--format safetensors, and the prior beside it."
        )
    for name, found in outputs.items():
        graph.add("Identity", [found], name)
    inputs = [helper.make_tensor_value_info("obs", TensorProto.FLOAT, ["n", task.state_size])]
    if graph.asks_prior:
        inputs.append(helper.make_tensor_value_info("prior", TensorProto.FLOAT, ["n", task.actions.n_parameters]))
    described = [_output(name, task) for name in outputs]
    built = helper.make_graph(graph.nodes, task.name, inputs, described, graph.constants)
    model = helper.make_model(
        built, producer_name="mereq", ir_version=IR, opset_imports=[helper.make_opsetid("", OPSET)]
    )
    helper.set_model_props(model, about | {"mereq.prior_kind": kind})
    return model


def _output(name: str, task: Task) -> Any:
    from onnx import TensorProto, helper

    if name == "action" and isinstance(task.actions, Discrete):
        return helper.make_tensor_value_info(name, TensorProto.INT64, ["n"])
    columns = task.actions.n if isinstance(task.actions, Discrete) else task.actions.size
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", columns])


class _Graph:
    """Nodes and constants of a graph under construction."""

    def __init__(self):
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.asks_prior = False

    def constant(self, values: Any, dtype: type = np.float32) -> str:
        """Name of a constant."""
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def add(self, operator: str, inputs: Sequence[str], name: str | None = None, **attributes: Any) -> str:
        """Name of the output of a new node."""
        from onnx import helper

        name = name or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def split(self, x: str, size: int) -> tuple[str, str]:
        """The first and the second half of the columns of x, each of `size` columns."""
        from onnx import helper

        names = f"x{len(self.nodes)}_0", f"x{len(self.nodes)}_1"
        halves = self.constant([size, size], np.int64)
        self.nodes.append(helper.make_node("Split", [x, halves], list(names), axis=1))
        return names

    def mlp(self, network: MLP) -> str:
        """Output of a network of the observation."""
        x = "obs"
        for number, layer in enumerate(network, start=1):
            x = self.add("Gemm", [x, self.constant(layer.weight), self.constant(layer.bias)])
            x = self.add("Relu", [x]) if number < len(network) else x
        return x

    def prior(self) -> str:
        """Name of the input with the prior's parameters."""
        self.asks_prior = True
        return "prior"


def _discrete(graph: _Graph, policy: QPolicy) -> dict[str, str]:
    logits = _log_probs(graph, policy)
    return {"logits": logits, "action": graph.add("ArgMax", [logits], axis=1, keepdims=0)}


def _log_probs(graph: _Graph, policy: Policy) -> str:
    """Log-probabilities of a policy: Eq. (1) of Q_R + alpha log pi."""
    if not isinstance(policy, QPolicy):
        return graph.prior()
    q = graph.mlp(policy.q)
    if policy.prior is not None:
        scaled = graph.add("Mul", [_log_probs(graph, policy.prior), graph.constant(policy.prior_temperature)])
        q = graph.add("Add", [q, scaled])
    return graph.add("LogSoftmax", [graph.add("Div", [q, graph.constant(policy.temperature)])], axis=1)


def _continuous(graph: _Graph, policy: ActorPolicy, task: Task) -> tuple[str, dict[str, str]]:
    """Kind and outputs of a Gaussian policy."""
    assert isinstance(task.actions, Box)
    parameters, family = _parameters(graph, policy, task)
    mean, log_std = graph.split(parameters, task.actions.size)
    low, high = task.actions.limits
    half, middle = graph.constant((high - low) / 2), graph.constant((high + low) / 2)
    bounded = (
        graph.add("Tanh", [mean])
        if family is SQUASHED
        else graph.add("Clip", [mean, graph.constant(-1.0), graph.constant(1.0)])
    )
    action = graph.add("Add", [graph.add("Mul", [bounded, half]), middle])
    if family is SQUASHED:
        return "gaussian", {"mean": mean, "log_std": log_std, "action": action}
    mean = graph.add("Add", [graph.add("Mul", [mean, half]), middle])
    log_std = graph.add("Add", [log_std, graph.constant(np.log((high - low) / 2))])
    return "clipped-gaussian", {"mean": mean, "log_std": log_std, "action": action}


def _parameters(graph: _Graph, policy: Policy, task: Task) -> tuple[str, Family]:
    """Mean and log-std, side by side, and their family."""
    if not isinstance(policy, ActorPolicy):
        probe = stream(0, "probes").standard_normal((1, task.obs_size)).astype(np.float32)
        return graph.prior(), family_of(policy.distribution(probe)) or CLIPPED
    found, family = graph.mlp(policy.actor), SQUASHED
    if policy.prior is not None:
        below, family = _parameters(graph, policy.prior, task)
        found = graph.add("Add", [found, below])
    mean, log_std = graph.split(found, policy.n_actions)
    lowest, highest = family.log_std
    log_std = graph.add("Clip", [log_std, graph.constant(lowest), graph.constant(highest)])
    return graph.add("Concat", [mean, log_std], axis=1), family
