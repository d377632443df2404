"""Exported policies act as the run's: as weights, as a graph in onnxruntime, as a prior again, and as `predict`."""

import itertools
import json

import numpy as np
import pytest

from mereq.core.actions import Box, Discrete
from mereq.core.errors import CannotExport, CannotLoad, CorruptCheckpoint, RunExists
from mereq.core.function_policies import ClippedGaussianPolicy, SampledPolicy
from mereq.core.policy import GaussianPolicy, LogitsPolicy
from mereq.core.prediction import Predictor
from mereq.exports.policy import Described, export_policy
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import Layer
from mereq.maxent_rl.sac import ActorPolicy
from mereq.maxent_rl.sampled_q import SampledQPolicy
from mereq.priors.onnx_model import read_onnx
from mereq.runs.policies import open_policy
from sb3_files import task_of

pytest.importorskip("onnxruntime")

RNG = np.random.default_rng(0)
OBS = RNG.normal(size=(1000, 4)).astype(np.float32)
LOW, HIGH = np.array([-1.0, 0.0]), np.array([1.0, 5.0])
FEW, BOXES = task_of(4, Discrete(3)), task_of(4, Box(2, tuple(LOW), tuple(HIGH)))


def network(*sizes: int):
    pairs = itertools.pairwise(sizes)
    return tuple(Layer(*(RNG.normal(0, 0.5, shape).astype(np.float32) for shape in ((a, b), (b,)))) for a, b in pairs)


CRITICS = network(6, 5, 1), network(6, 5, 1)
PLAIN = QPolicy(network(4, 8, 3), None, 0.7, 0.0)
PLAIN_ACTOR = ActorPolicy(network(4, 8, 4), None, None)
FUNCTION = LogitsPolicy(lambda obs: obs[:, :3], 3)
PPO = ClippedGaussianPolicy(lambda obs: (2 * obs[:, :2], obs[:, 2:] - 1), LOW, HIGH)
SAC = GaussianPolicy(lambda obs: (obs[:, :2], np.clip(obs[:, 2:], -2, 1)), 2)
SAMPLER = SampledPolicy(lambda obs, rng: rng.uniform(LOW, HIGH, (len(obs), 2)), BOXES.actions)
CASES = {
    "Q": (PLAIN, FEW),
    "residual Q": (QPolicy(network(4, 6, 3), PLAIN, 0.5, 0.4), FEW),
    "residual of a residual Q": (QPolicy(network(4, 3), QPolicy(network(4, 6, 3), PLAIN, 0.5, 0.4), 0.5, 0.4), FEW),
    "residual Q of a function": (QPolicy(network(4, 6, 3), FUNCTION, 0.5, 0.4), FEW),
    "actor": (PLAIN_ACTOR, BOXES),
    "residual actor": (ActorPolicy(network(4, 6, 4), CRITICS, PLAIN_ACTOR), BOXES),
    "residual actor of a function": (ActorPolicy(network(4, 6, 4), CRITICS, SAC), BOXES),
    "residual actor of PPO": (ActorPolicy(network(4, 6, 4), CRITICS, PPO), BOXES),
}


def described(name: str) -> Described:
    policy, task = CASES[name]
    return Described(policy, policy.prior, task, {"method": "mereq", "theta": [0.5]})


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("format", ["onnx", "safetensors"])
def test_it_acts_as_the_policy_on_1000_states(tmp_path, name, format):
    difference = export_policy(described(name), format, tmp_path / "out", OBS)
    assert difference < 1e-5
    files = {file.name for file in (tmp_path / "out").iterdir()}
    assert files == {"config.json", "README.md", "model.onnx" if format == "onnx" else "model.safetensors"}
    assert (tmp_path / "out" / "README.md").read_text().startswith("---\nlibrary_name: mereq\n")
    assert json.loads((tmp_path / "out" / "config.json").read_text())["task"] == "noise"


@pytest.mark.parametrize("name", ["Q", "residual Q", "actor", "residual actor"])
def test_it_is_a_prior_again(tmp_path, name):
    """With everything in one file or folder; nothing has to be declared."""
    policy, task = CASES[name]
    for format, source in (("onnx", "out/model.onnx"), ("safetensors", "out")):
        export_policy(described(name), format, tmp_path / "out", OBS, overwrite=True)
        back = open_policy(str(tmp_path / source), task).distribution(OBS)
        assert type(back) is type(policy.distribution(OBS))
        np.testing.assert_allclose(back.parameters, policy.distribution(OBS).parameters, atol=1e-5)


def test_a_prior_that_is_a_function_is_an_input(tmp_path):
    import onnxruntime

    policy, _ = CASES["residual actor of PPO"]
    export_policy(described("residual actor of PPO"), "onnx", tmp_path / "out", OBS)
    session = onnxruntime.InferenceSession((tmp_path / "out" / "model.onnx").read_bytes())
    given = {"obs": OBS, "prior": PPO.distribution(OBS).parameters}
    (action,) = session.run(["action"], given)
    np.testing.assert_allclose(action, BOXES.actions.to_units(policy.distribution(OBS).mode()), atol=1e-5)
    assert (action.min(axis=0) == LOW).all()  # clipped, in the environment's units
    assert (action.max(axis=0) == HIGH).all()
    mean, _ = session.run(["mean", "log_std"], given)
    assert mean.max() > 5.5


def test_a_policy_over_samples_has_weights_but_no_graph(tmp_path):
    policy = SampledQPolicy(CRITICS, SAMPLER, 0.3, 2)
    whole = Described(policy, SAMPLER, BOXES, {})
    assert export_policy(whole, "safetensors", tmp_path / "out", OBS[:20]) == 0.0
    with pytest.raises(CannotExport, match="which draws the actions, is no graph"):
        export_policy(whole, "onnx", tmp_path / "graph", OBS)
    assert not (tmp_path / "graph").exists()
    with pytest.raises(CorruptCheckpoint, match="needs the prior"):
        open_policy(str(tmp_path / "out"), BOXES)


def test_what_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(RunExists):
            export_policy(described("Q"), "safetensors", tmp_path, OBS, overwrite=overwrite)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_damaged_folders_are_refused(tmp_path):
    export_policy(described("residual Q"), "safetensors", tmp_path / "out", OBS)
    config, weights = tmp_path / "out" / "config.json", tmp_path / "out" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-3])
    with pytest.raises(CorruptCheckpoint):
        open_policy(str(tmp_path / "out"), FEW)
    weights.write_bytes(whole)
    with pytest.raises(CorruptCheckpoint, match="4 observations and 3 actions"):
        open_policy(str(tmp_path / "out"), task_of(5, Discrete(3)))
    for text in ("[]", "{", '{"format": 1, "policy": {"temperature": 0.5}}'):
        config.write_text(text)
        with pytest.raises(CorruptCheckpoint):
            open_policy(str(tmp_path / "out"), FEW)


def test_predict_has_the_form_of_stable_baselines():
    """One observation or several; the state is handed back; actions are in the environment's units."""
    few, boxes = Predictor(PLAIN, FEW.actions), Predictor(ActorPolicy(network(4, 6, 4), None, PPO), BOXES.actions)
    actions, state = few.predict(OBS, deterministic=True)
    np.testing.assert_array_equal(actions, PLAIN.distribution(OBS).mode())
    assert state is None
    one, state = few.predict(OBS[0], state=(OBS,), episode_start=np.ones(1), deterministic=True)
    assert one == actions[0]
    assert state == (OBS,)
    drawn, _ = few.predict(OBS)
    assert (drawn != actions).mean() > 0.1
    action, _ = boxes.predict(OBS)
    assert action.shape == (1000, 2)
    assert action.dtype == np.float32
    assert ((action >= LOW) & (action <= HIGH)).all()
    assert action.max() > 4
    assert boxes.predict(OBS[0])[0].shape == (2,)


def test_a_graph_with_a_prior_as_input_is_no_prior(tmp_path):
    export_policy(described("residual Q of a function"), "onnx", tmp_path / "out", OBS)
    with pytest.raises(CannotLoad, match="inputs obs, prior; a policy has one"):
        read_onnx(tmp_path / "out" / "model.onnx", FEW)
