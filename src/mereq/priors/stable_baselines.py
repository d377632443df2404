"""Policies of Stable-Baselines3 and sb3-contrib, read from the zip that `model.save` writes.

Nothing in the zip is unpickled. Weights are read as tensors (`torch_archive`), settings from the readable entries of
its JSON. What a policy is follows from the names of its tensors.
"""

import itertools
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from mereq.core.actions import Box, Discrete
from mereq.core.errors import CannotLoad
from mereq.core.function_policies import ClippedGaussianPolicy, DeterministicPolicy
from mereq.core.policy import GaussianPolicy, LogitsPolicy, Policy
from mereq.core.task import Task
from mereq.priors.networks import ACTIVATIONS, Network, network_of
from mereq.priors.normalization import Normalization
from mereq.priors.pictures import Extractor, extractor_of
from mereq.priors.torch_archive import read_member, read_tensors

MAX_SETTINGS = 1 << 26  # bytes of the JSON
LOG_STD = (-20.0, 2.0)  # limits of SAC's log-std in Stable-Baselines3
EPSILON = 1e-6  # added by gSDE to variances
_ELSEWHERE = "Export the policy as ONNX, or name a function of yours that calls it: --prior file.py:NAME."

Rows = Float[np.ndarray, "n _"]


def read_stable_baselines(path: Path, task: Task, *, temperature: float = 1.0, noise: float = 0.1) -> Policy:
    """The policy of a Stable-Baselines3 zip: DQN, QR-DQN, PPO, A2C, TRPO, SAC, TQC, TD3 or DDPG.

    Statistics of `VecNormalize` are taken from NAME.normalization.npz beside NAME.zip, if it exists.

    Args:
        path: of the zip.
        task: whose actions and observations the policy must fit.
        temperature: of the softmax that makes a policy of Q-values: the alpha of `prior_temperature`.
        noise: of the deterministic policies TD3 and DDPG; see `DeterministicPolicy`.

    Raises:
        CannotLoad: the file is no such zip, is damaged, of an unknown kind, or does not fit the task.
    """
    if path.exists() and not path.is_file():
        raise CannotLoad(f"The policy {path} cannot be read: it is no ordinary file.")
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise CannotLoad(f"The policy {path} cannot be read as a zip of Stable-Baselines3: {error}.") from error
    with archive:
        if not {"data", "policy.pth"} <= set(archive.namelist()):
            raise CannotLoad(f"{path} is not a zip that Stable-Baselines3 saved: it has no parts data and policy.pth.")
        settings = _settings(read_member(archive, "data", str(path)), str(path))
        tensors = read_tensors(read_member(archive, "policy.pth", str(path)), f"policy.pth in {path}")
    return _Zip(str(path), tensors, settings, task, temperature, noise, Normalization.beside(path, task)).policy()


def _settings(content: bytes, file: str) -> dict[str, Any]:
    if len(content) > MAX_SETTINGS:
        raise CannotLoad(f"{file} is not opened: its settings would be larger than {MAX_SETTINGS >> 20} MiB.")
    try:
        settings = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CannotLoad(f"{file} is damaged: its settings are not JSON ({error}).") from error
    if not isinstance(settings, dict):
        raise CannotLoad(f"{file} is damaged: its settings are not a table of names.")
    return settings


@dataclass(frozen=True)
class _Zip:
    """Content of a zip, and the task that its policy is to fit."""

    file: str
    tensors: Mapping[str, np.ndarray]
    settings: Mapping[str, Any]
    task: Task
    temperature: float
    noise: float
    normalization: Normalization | None

    def policy(self) -> Policy:
        """The policy."""
        self._refuse_unknown()
        if self._has("quantile_net.quantile_net"):
            return self._values("quantile_net.quantile_net")
        if self._has("q_net.q_net"):
            return self._values("q_net.q_net")
        if self._has("actor.latent_pi") or self._has("actor.log_std"):
            return self._squashed(self._body("actor.latent_pi"), "actor.mu", "actor.log_std")
        if self._has("actor.mu"):
            return self._deterministic()
        if self._has("action_net") and self._has("value_net"):
            return self._actor_critic()
        raise CannotLoad(
            f"{self.file} has tensors of an algorithm that is not known here. Known are DQN, QR-DQN, PPO, A2C, TRPO, "
            f"SAC, TQC, TD3 and DDPG. {_ELSEWHERE}"
        )

    def _refuse_unknown(self) -> None:
        if any("lstm" in name for name in self.tensors):
            raise CannotLoad(
                f"{self.file} is a recurrent policy. Its action depends on earlier observations, and a prior's on the "
                "present one only. Train a policy without memory, with the last few observations stacked."
            )
        extracting = [name for name in self.tensors if "features_extractor." in name]
        shape, dtype = self._of("observation_space", "_shape"), self._of("observation_space", "dtype")
        is_picture = dtype == "uint8" and isinstance(shape, list) and len(shape) == 3
        sees_pictures = any(".cnn." in name for name in extracting)
        if (is_picture or sees_pictures) and self.task.raw_space is None:
            raise CannotLoad(
                f"{self.file} is a policy that sees pictures, and the task {self.task.name} has observations of "
                f"{self.task.obs_size} numbers. A prior sees pictures in tasks made with task_from_gymnasium(..., "
                f"state=...), which says what the learner sees. {_ELSEWHERE}"
            )
        module = str(self._of("policy_class", "__module__") or "stable_baselines3")
        extractor = str(self._of("policy_kwargs", "features_extractor_class") or "FlattenExtractor")
        known = ("torch_layers.FlattenExtractor", "torch_layers.CombinedExtractor", "torch_layers.NatureCNN")
        plain = any(name in extractor for name in known)
        if (extracting and not sees_pictures) or not (plain or extractor == "FlattenExtractor"):
            raise CannotLoad(
                f"{self.file} has a features extractor of its own ({extractor}), whose code is not in the file. "
                f"{_ELSEWHERE}"
            )
        if module.partition(".")[0] not in ("stable_baselines3", "sb3_contrib"):
            raise CannotLoad(
                f"{self.file} has a policy class of its own, from {module}, whose code is not in the file. {_ELSEWHERE}"
            )

    def _has(self, prefix: str) -> bool:
        return any(name == prefix or name.startswith(f"{prefix}.") for name in self.tensors)

    def _of(self, table: str, name: str) -> Any:
        entry = self.settings.get(table)
        return entry.get(name) if isinstance(entry, dict) else None

    def _activation(self, default: str) -> str:
        found = self._of("policy_kwargs", "activation_fn")
        if found is None:
            return default
        package, _, name = str(found).removeprefix("<class '").removesuffix("'>").rpartition(".")
        if not package.startswith("torch.nn.modules.") or name not in ACTIVATIONS:
            raise CannotLoad(
                f"{self.file} has the activation {found}; known are {', '.join(sorted(ACTIVATIONS))}. {_ELSEWHERE}"
            )
        return name

    def _body(self, prefix: str, default: str = "ReLU") -> Network:
        return network_of(self.tensors, prefix, self._activation(default), self.file, ends_active=True)

    def _head(self, prefix: str) -> Network:
        head = network_of(self.tensors, prefix, "Identity", self.file)
        if not head.layers:
            raise self._damaged(f"it has no layer {prefix}")
        return head

    def _damaged(self, what: str) -> CannotLoad:
        return CannotLoad(f"{self.file} is damaged: {what}. Save the model again, or restore it from a copy.")

    @cached_property
    def _extractor(self) -> Extractor | None:
        """What stands before the actor's network, where it is more than flattening."""
        owners = ("q_net", "quantile_net", "actor")
        prefixes = [f"{owner}.features_extractor" for owner in owners] + ["pi_features_extractor", "features_extractor"]
        found = [prefix for prefix in prefixes if self._has(prefix)]
        return extractor_of(self.tensors, found[0], self.task.raw_space, self.file) if found else None

    def _seen(self, obs: Rows) -> Rows:
        """Observations as the network sees them."""
        if self._extractor is None:
            return obs.astype(np.float64) if self.normalization is None else self.normalization(obs)
        if self.normalization is not None:
            raise self._damaged("it sees pictures and has a file of VecNormalize beside it, which are not combined")
        return self._extractor(obs.astype(np.float64))

    def _fit(self, *networks: Network, n_outputs: int | None = None) -> None:
        """Refuse networks for observations of another size, or a number of outputs that does not fit the actions."""
        inputs = next((network.n_inputs for network in networks if network.n_inputs is not None), None)
        given = self.task.obs_size
        if self._extractor is not None:
            given = self._seen(np.zeros((1, given))).shape[1]
        if inputs != given:
            raise CannotLoad(
                f"The policy {self.file} sees {inputs} numbers, and an observation of the task {self.task.name} has "
                f"{given}. Name a policy that was trained in this environment, with the same wrappers."
            )
        for body, head in itertools.pairwise(networks):
            if body.layers and len(body.layers[-1][1]) != head.n_inputs:
                raise self._damaged("its layers do not fit together")
        outputs = len(networks[-1].layers[-1][1])
        if n_outputs is not None and outputs != n_outputs:
            raise CannotLoad(
                f"The policy {self.file} has {outputs} outputs, and the task {self.task.name} has {self.task.actions}."
            )

    def _values(self, prefix: str) -> Policy:
        """Softmax of Q-values / temperature; of a distribution's mean for QR-DQN."""
        q = network_of(self.tensors, prefix, self._activation("ReLU"), self.file)
        n_actions = self._n_actions()
        outputs = len(q.layers[-1][1])
        if outputs % n_actions:
            raise self._damaged(f"it has {outputs} outputs for {n_actions} actions")
        self._fit(q)

        def logits(obs: Rows) -> Rows:
            return q(self._seen(obs)).reshape(len(obs), -1, n_actions).mean(axis=1) / self.temperature

        return LogitsPolicy(logits, n_actions)

    def _n_actions(self) -> int:
        actions = self.task.actions
        kind, n, start = (self._of("action_space", name) for name in (":type:", "n", "start"))
        if not isinstance(actions, Discrete) or "discrete.Discrete" not in str(kind):
            raise self._other_actions(f"actions of the kind {_class(kind)}")
        if str(n) != str(actions.n) or str(start or 0) != "0":
            raise self._other_actions(f"{n} actions from {start or 0}")
        return actions.n

    def _box(self) -> Box:
        """The task's actions, if they have the limits of the policy's."""
        actions = self.task.actions
        kind = self._of("action_space", ":type:")
        if not isinstance(actions, Box) or "box.Box" not in str(kind):
            raise self._other_actions(f"actions of the kind {_class(kind)}")
        low, high = (_numbers(self._of("action_space", name)) for name in ("low", "high"))
        wanted_low, wanted_high = actions.limits
        same = low.shape == high.shape == wanted_low.shape
        if not (same and np.allclose(low, wanted_low, 1e-6, 1e-7) and np.allclose(high, wanted_high, 1e-6, 1e-7)):
            raise self._other_actions(f"actions between {low.tolist()} and {high.tolist()}")
        return actions

    def _other_actions(self, found: str) -> CannotLoad:
        actions = self.task.actions
        limits = ""
        if isinstance(actions, Box):
            low, high = (limit.tolist() for limit in actions.limits)
            limits = f" between {low} and {high}"
        return CannotLoad(
            f"The policy {self.file} was trained for {found}, and the task {self.task.name} has {actions}{limits}. "
            "Name a policy that was trained in this environment, with the same wrappers."
        )

    def _actor_critic(self) -> Policy:
        body, head = self._body("mlp_extractor.policy_net", "Tanh"), self._head("action_net")
        if "log_std" not in self.tensors:
            self._fit(body, head, n_outputs=self._n_actions())
            return LogitsPolicy(lambda obs: head(body(self._seen(obs))), self._n_actions())
        box = self._box()
        if self._of("policy_kwargs", "squash_output") is True:
            return self._squashed(body, "action_net", "log_std")
        self._fit(body, head, n_outputs=box.size)
        log_std = self._log_std_of("log_std", head)

        def normal(obs: Rows) -> tuple[Rows, Rows]:
            latent = body(self._seen(obs))
            return head(latent), log_std(latent)

        return ClippedGaussianPolicy(normal, *box.limits)

    def _squashed(self, body: Network, mean_of: str, log_std_of: str) -> Policy:
        """Normal before a tanh: SAC, TQC, and PPO or A2C with gSDE and `squash_output`."""
        box = self._box()
        limit = self._of("policy_kwargs", "clip_mean")
        limit = 2.0 if limit is None else limit
        if not isinstance(limit, int | float):
            raise self._damaged(f"its clip_mean is {limit!r}")
        is_clipped = mean_of == "actor.mu" and self._has("actor.mu.0") and limit > 0
        mean = self._head(mean_of)
        self._fit(body, mean, n_outputs=box.size)
        log_std = self._log_std_of(log_std_of, mean)

        def normal(obs: Rows) -> tuple[Rows, Rows]:
            latent = body(self._seen(obs))
            found = mean(latent)
            return np.clip(found, -limit, limit) if is_clipped else found, log_std(latent)

        return GaussianPolicy(normal, box.size)

    def _log_std_of(self, name: str, mean: Network) -> Callable[[Rows], Rows]:
        """Log-std as a function of the last hidden layer, as the mean's layer is.

        A layer of its own, one number per coordinate, or gSDE's matrix.
        """
        n_actions, n_hidden = mean.layers[0][0].shape
        if f"{name}.weight" in self.tensors:
            layer = self._head(name)
            if layer.layers[0][0].shape != (n_actions, n_hidden):
                raise self._damaged("its layers of mean and log-std do not fit together")
            return lambda latent: np.clip(layer(latent), *LOG_STD)
        found = np.asarray(self.tensors.get(name, np.nan), np.float64)
        is_sde = self.settings.get("use_sde") is True
        allowed = [(n_hidden, n_actions), (n_hidden, 1)] if is_sde else [(n_actions,)]
        if not np.isfinite(found).all() or found.shape not in allowed:
            raise self._damaged(f"its log-std is missing, not finite, or of another shape than {allowed[0]}")
        if not is_sde:
            return lambda latent: np.broadcast_to(found, (len(latent), n_actions))
        expln = self._of("policy_kwargs", "use_expln") is True
        variance = np.broadcast_to(_sde_std(found, expln=expln), (n_hidden, n_actions)) ** 2
        return lambda latent: 0.5 * np.log(latent**2 @ variance + EPSILON)

    def _deterministic(self) -> Policy:
        box = self._box()
        actor = network_of(self.tensors, "actor.mu", self._activation("ReLU"), self.file)
        self._fit(actor, n_outputs=box.size)
        return DeterministicPolicy(lambda obs: np.tanh(actor(self._seen(obs))), Box(box.size), self.noise)


def _sde_std(log_std: np.ndarray, *, expln: bool) -> np.ndarray:
    """Standard deviations of gSDE's noise per hidden unit: exp, or with `use_expln` its slow continuation above 0."""
    if not expln:
        return np.exp(log_std)
    return np.where(log_std <= 0, np.exp(np.minimum(log_std, 0.0)), np.log1p(np.maximum(log_std, 0.0) + EPSILON) + 1.0)


def _numbers(text: Any) -> np.ndarray:
    """Numbers of an array that NumPy printed; empty if it is abbreviated or something else."""
    try:
        return np.array([float(word) for word in str(text).replace("[", " ").replace("]", " ").split()])
    except ValueError:
        return np.array([])


def _class(kind: Any) -> str:
    return cast(str, str(kind).removeprefix("<class '").removesuffix("'>").rpartition(".")[2])
