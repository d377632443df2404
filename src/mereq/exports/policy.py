"""A policy for use elsewhere: a folder in the Hub's layout, with weights or an ONNX graph."""

import json
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from mereq.core.actions import Box
from mereq.core.distribution import Distribution
from mereq.core.errors import CannotExport, RunExists
from mereq.core.policy import Policy
from mereq.core.task import Task
from mereq.exports.onnx_graph import onnx_model
from mereq.store.atomic import replaced_folder
from mereq.store.policy_folder import CARD, CONFIG, read_folder, write_folder

GRAPH = "model.onnx"
TOLERANCE = 1e-3  # largest difference between graph and policy: float32 sums in another order
PolicyFormat = Literal["onnx", "safetensors"]


class Described(NamedTuple):
    """A policy with what its card says."""

    policy: Policy
    prior: Policy | None
    task: Task
    about: dict[str, Any]  # method, seed, rounds, theta and the like


def export_policy(
    described: Described, format: PolicyFormat, out: Path, obs: Float[np.ndarray, "n obs"], *, overwrite: bool = False
) -> float:
    """Write a policy's folder, read it back, and compare.

    Args:
        described: the policy.
        format: "onnx" or "safetensors".
        out: folder to write. It is not there until it is complete and compared.
        obs: observations at which both are compared.
        overwrite: replace an earlier export of a policy.

    Returns:
        Largest difference of the distributions' parameters.

    Raises:
        CannotExport: a package is missing, the policy has no graph, or what was written acts differently.
        RunExists: `out` is taken.
        CannotWrite: no permission, or the disk is full.
    """

    def check() -> None:
        occupied = out.exists() and (out.is_file() or any(out.iterdir()))
        if occupied and not (overwrite and (out / CONFIG).is_file()):
            raise RunExists(f"{out} is there already: it is not overwritten. Choose another --out.")

    with replaced_folder(out, check) as folder:
        if format == "onnx":
            difference = _write_onnx(described, folder, obs)
        else:
            difference = _write_safetensors(described, folder, obs)
        if not difference <= TOLERANCE:
            raise CannotExport(
                f"The exported policy differs from the run's by {difference:.2g} at one of {len(obs)} observations, "
                "and was not kept. Please report this."
            )
    return difference


def _write_safetensors(described: Described, folder: Path, obs: Float[np.ndarray, "n obs"]) -> float:
    try:
        write_folder(folder, described.policy, about=_config(described), card=_card(described, "safetensors"))
    except TypeError as error:
        raise CannotExport(f"Only policies that mereq has learned are exported ({error}).") from error
    back = read_folder(folder, described.task, described.prior)
    return _difference(described.policy.distribution(obs), back.distribution(obs))


def _write_onnx(described: Described, folder: Path, obs: Float[np.ndarray, "n obs"]) -> float:
    model = onnx_model(described.policy, described.task, {"task": described.task.name})
    content = model.SerializeToString()
    (folder / GRAPH).write_bytes(content)
    config = json.dumps({"library": "mereq", **_config(described)}, indent=1)
    (folder / CONFIG).write_text(config + "\n", encoding="utf-8")
    (folder / CARD).write_text(_card(described, "onnx"), encoding="utf-8")
    return _difference_of_graph(content, described, obs)


def _difference_of_graph(content: bytes, described: Described, obs: Float[np.ndarray, "n obs"]) -> float:
    """Largest difference of outputs and actions between the graph, as onnxruntime computes it, and the policy."""
    try:
        import onnxruntime
    except ImportError as error:
        raise CannotExport(f"The graph is compared by onnxruntime: pip install 'mereq[onnx]' ({error}).") from error
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    feed = {"obs": described.task.state_of(obs).astype(np.float32)}
    if len(session.get_inputs()) == 2:
        assert described.prior is not None
        feed["prior"] = described.prior.distribution(obs).parameters.astype(np.float32)
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, feed), strict=True))
    ours, actions = described.policy.distribution(obs), described.task.actions
    if not isinstance(actions, Box):
        return float(np.abs(found["logits"] - ours.parameters).max())
    wanted = {"action": actions.to_units(ours.mode().astype(np.float64))}
    mean, log_std = np.split(ours.parameters.astype(np.float64), 2, axis=1)
    is_clipped = "clipped" in {entry.key: entry.value for entry in _properties(content)}["mereq.prior_kind"]
    if is_clipped:
        low, high = actions.limits
        mean, log_std = actions.to_units(mean), log_std + np.log((high - low) / 2)
    wanted |= {"mean": mean, "log_std": log_std}
    return max(float(np.abs(found[name] - values).max()) for name, values in wanted.items())


def _properties(content: bytes) -> Any:
    import onnx

    return onnx.load_model_from_string(content).metadata_props


def _difference(one: Distribution, other: Distribution) -> float:
    parts = [np.abs(one.parameters - other.parameters).max(), np.abs(one.mode() - other.mode()).max()]
    return float(max(parts))


def _config(described: Described) -> dict[str, Any]:
    task = described.task
    actions: dict[str, Any] = {"kind": type(task.actions).__name__, "description": str(task.actions)}
    if isinstance(task.actions, Box):
        low, high = task.actions.limits
        actions |= {"low": low.tolist(), "high": high.tolist()}
    entries = {"task": task.name, "feature_names": list(task.feature_names), "obs_size": task.state_size}
    return entries | {"actions": actions} | described.about


def _card(described: Described, format: PolicyFormat) -> str:
    task, about = described.task, described.about
    rows = "\n".join(f"| {name} | {value} |" for name, value in about.items() if not isinstance(value, dict | list))
    weights = zip(task.feature_names, about.get("theta", ()), strict=False)
    theta = "\n".join(f"| {name} | {weight:.4f} |" for name, weight in weights) or "| none inferred | |"
    return f"""---
library_name: mereq
pipeline_tag: reinforcement-learning
tags: [reinforcement-learning, robotics, inverse-reinforcement-learning, mereq, {task.name}]
---

# A policy for {task.name}

Aligned with mereq from a supervisor's interventions. Observations: {task.state_size} numbers; actions: {task.actions}.

| | |
|---|---|
{rows}

| feature | inferred weight |
|---|---|
{theta}

## Use

```python
{_USE[format]}
```

## Limits

The policy was trained in simulation from the interventions of one supervisor. It is not checked for safety: supervise
it where it acts on a robot.
"""


_USE = {
    "onnx": """import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
print([each.name for each in session.get_inputs()])  # obs; and prior, if the prior is no network of mereq's
action = session.run(["action"], {"obs": observations.astype(np.float32)})[0]""",
    "safetensors": """from mereq.store.policy_folder import read_folder

policy = read_folder(folder)  # with prior=..., if config.json says that the prior is not included
actions = policy.distribution(observations).mode()""",
}
