"""Priors from Stable-Baselines3 act as the library says, and opening their files executes nothing."""

import io
import json
import os
import pickle
import shutil
import zipfile
from base64 import b64encode
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
from gymnasium import spaces

from mereq.core.actions import Box, Discrete
from mereq.core.distribution import ClippedGaussian
from mereq.core.errors import CannotLoad
from mereq.priors import stable_baselines
from mereq.priors.stable_baselines import read_stable_baselines
from mereq.priors.torch_archive import read_tensors
from sb3_files import FOLDER, task_of

NAMES = sorted(file.stem for file in FOLDER.glob("*.zip"))
PICTURES = spaces.Dict(
    {"camera": spaces.Box(0, 255, (40, 36, 3), np.uint8), "position": spaces.Box(-9, 9, (2,), np.float32)}
)
BOX = Box(3, (-1.0, 0.0, -2.5), (1.0, 1.0, float(np.float32(0.3))))


def opened(name, folder=FOLDER):
    said = np.load(FOLDER / f"{name}.npz")
    actions = Discrete(3) if said["action"].ndim == 1 else BOX
    task = replace(task_of(said["obs"].shape[1], actions), raw_space=PICTURES if name == "ppo_pictures" else None)
    policy = read_stable_baselines(folder / f"{name}.zip", task)
    return policy, said, actions


@pytest.mark.parametrize("name", NAMES)
def test_distribution_and_deterministic_action_are_the_librarys(name):
    policy, said, actions = opened(name)
    found = policy.distribution(said["obs"])
    executed = found.mode() if isinstance(actions, Discrete) else actions.to_units(found.mode())
    np.testing.assert_allclose(executed, said["action"], atol=1e-6)
    if "q" in said:
        differences = said["q"] - said["q"].max(axis=1, keepdims=True)
        np.testing.assert_allclose(found.log_probs - found.log_probs.max(axis=1, keepdims=True), differences, atol=1e-6)
    elif "logits" in said:
        np.testing.assert_allclose(found.log_probs, said["logits"], atol=1e-6)
    elif "mean" in said:
        assert isinstance(found, ClippedGaussian) != bool(said["squashed"])
        half = 1.0 if said["squashed"] else (np.array(BOX.high) - BOX.low) / 2
        mean = found.mean if said["squashed"] else BOX.to_units(found.mean)
        np.testing.assert_allclose(mean, said["mean"], atol=1e-6)
        np.testing.assert_allclose(np.exp(found.log_std) * half, said["std"], atol=1e-6)


def test_every_algorithm_is_among_the_files():
    assert {name.partition("_")[0] for name in NAMES} == {
        *("dqn", "qrdqn", "ppo", "a2c", "trpo", "sac", "tqc", "td3", "ddpg")
    }


def test_the_temperature_divides_q_values():
    obs = np.load(FOLDER / "dqn.npz")["obs"]
    warm, cold = (
        read_stable_baselines(FOLDER / "dqn.zip", task_of(4, Discrete(3)), temperature=t).distribution(obs).log_probs
        for t in (1.0, 0.5)
    )
    np.testing.assert_allclose(np.ptp(cold, axis=1), 2 * np.ptp(warm, axis=1), rtol=1e-5)


def test_statistics_that_do_not_fit_are_refused(tmp_path):
    for file in FOLDER.glob("ppo_normalized*"):
        shutil.copy(file, tmp_path)
    np.savez(tmp_path / "ppo_normalized.normalization.npz", mean=np.zeros(3), var=np.ones(3), epsilon=1e-8, clip=10.0)
    with pytest.raises(CannotLoad, match="are of 3 numbers"):
        opened("ppo_normalized", tmp_path)
    np.save(tmp_path / "pickled.npy", np.array([Bomb(tmp_path)], object), allow_pickle=True)
    (tmp_path / "pickled.npy").rename(tmp_path / "ppo_normalized.normalization.npz")
    with pytest.raises(CannotLoad, match="cannot be read"):
        opened("ppo_normalized", tmp_path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("name", "task", "sentence"),
    [
        ("dqn", task_of(4, Discrete(5)), "was trained for 3 actions from 0, and the task noise has 5 actions"),
        ("dqn", task_of(5, Discrete(3)), "sees 4 numbers, and an observation of the task noise has 5"),
        ("ppo", task_of(4, Box(3)), "between \\[-1.0, 0.0, -2.5\\] and \\[1.0, 1.0, 0.3\\]"),
        ("ppo", task_of(4, Discrete(3)), "kind Box"),
        ("dqn", task_of(4, Box(3)), "kind Discrete"),
    ],
)
def test_a_policy_of_another_task_is_refused(name, task, sentence):
    with pytest.raises(CannotLoad, match=sentence):
        read_stable_baselines(FOLDER / f"{name}.zip", task)


class Bomb:
    """An object that creates a file when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder / "exploded"),)


def rewritten(path, changes, name="dqn"):
    """The zip with other members; returns the path."""
    with zipfile.ZipFile(FOLDER / f"{name}.zip") as archive:
        parts = {member: archive.read(member) for member in archive.namelist()} | changes
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in parts.items():
            archive.writestr(member, content)
    return path


def repickled(program, name="dqn"):
    """The bytes of policy.pth with another data.pkl."""
    with zipfile.ZipFile(FOLDER / f"{name}.zip") as archive:
        inner = zipfile.ZipFile(io.BytesIO(archive.read("policy.pth")))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member in inner.namelist():
            archive.writestr(member, program if member.endswith("data.pkl") else inner.read(member))
    return out.getvalue()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_bomb_in_any_part_does_not_explode(tmp_path, protocol):
    bomb = pickle.dumps(Bomb(tmp_path), protocol)
    hidden = pickle.dumps(OrderedDict(weight=Bomb(tmp_path)), protocol)
    encoded = b64encode(bomb).decode()
    with zipfile.ZipFile(FOLDER / "dqn.zip") as archive:
        data = json.loads(archive.read("data"))
    for entry in [*data]:
        data[entry] = {**data[entry], ":serialized:": encoded} if isinstance(data[entry], dict) else data[entry]
    harmless = rewritten(
        tmp_path / "serialized.zip",
        {"data": json.dumps(data), "pytorch_variables.pth": bomb, "policy.optimizer.pth": repickled(hidden)},
    )
    task = task_of(4, Discrete(3))
    read_stable_baselines(harmless, task)  # nothing that would have to be unpickled is read
    for number, weights in enumerate((bomb, hidden, repickled(bomb), repickled(hidden))):
        with pytest.raises(CannotLoad):
            read_stable_baselines(rewritten(tmp_path / f"{number}.zip", {"policy.pth": weights}), task)
    with pytest.raises(CannotLoad, match="not JSON"):
        read_stable_baselines(rewritten(tmp_path / "data.zip", {"data": bomb}), task)
    assert not (tmp_path / "exploded").exists()
    pickle.loads(bomb)
    assert (tmp_path / "exploded").exists()  # so it would have been seen


def test_damaged_archives_are_refused(tmp_path):
    whole = (FOLDER / "dqn.zip").read_bytes()
    task = task_of(4, Discrete(3))
    refused = 0
    for end in range(0, len(whole), 97):
        (tmp_path / "cut.zip").write_bytes(whole[:end])
        with pytest.raises(CannotLoad):
            read_stable_baselines(tmp_path / "cut.zip", task)
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(FOLDER / "dqn.zip") as archive:
        inner = zipfile.ZipFile(io.BytesIO(archive.read("policy.pth")))
        program = inner.read(next(name for name in inner.namelist() if name.endswith("data.pkl")))
    for _ in range(300):
        bytes_ = bytearray(program)
        bytes_[rng.integers(len(program))] = rng.integers(256)
        try:
            read_tensors(repickled(bytes(bytes_)), "policy.pth")
        except CannotLoad:
            refused += 1
    assert refused > 100  # others changed a name, or nothing that is read


@pytest.mark.parametrize("name", ["ppo_sde", "sac", "sac_sde", "td3", "qrdqn"])
@pytest.mark.parametrize("change", ["missing", "flat", "NaN"])
def test_every_damaged_tensor_of_the_policy_is_noticed(monkeypatch, name, change):
    """Each in turn; those of critics and of target networks are not read."""
    for tensor in read_all(name):
        if not tensor.startswith(("actor.", "action_net", "mlp_extractor.policy_net", "log_std", "quantile_net.")):
            continue

        def changed(content, file, tensor=tensor):
            found = read_tensors(content, file)
            array = found.pop(tensor)
            damaged = {"flat": array.reshape(-1, 1), "NaN": array * np.nan}
            return found | ({tensor: damaged[change]} if change in damaged else {})

        monkeypatch.setattr(stable_baselines, "read_tensors", changed)
        with pytest.raises(CannotLoad):
            opened(name)


def read_all(name):
    with zipfile.ZipFile(FOLDER / f"{name}.zip") as archive:
        return read_tensors(archive.read("policy.pth"), "policy.pth")


def test_what_cannot_be_a_prior_is_refused_in_a_sentence(tmp_path):
    task = task_of(4, Discrete(3))
    with zipfile.ZipFile(FOLDER / "dqn.zip") as archive:
        data = json.loads(archive.read("data"))

    def refused(sentence, **tables):
        changed = data | {name: data[name] | table for name, table in tables.items()}
        with pytest.raises(CannotLoad, match=sentence):
            read_stable_baselines(rewritten(tmp_path / "a.zip", {"data": json.dumps(changed)}), task)

    refused("sees pictures", observation_space={"_shape": [3, 8, 8], "dtype": "uint8"})
    refused("policy class of its own, from my_lab", policy_class={"__module__": "my_lab.policies"})
    refused("extractor of its own", policy_kwargs={"features_extractor_class": "<class 'my.Extractor'>"})
    refused("activation <class 'my.ReLU'>; known are ELU", policy_kwargs={"activation_fn": "<class 'my.ReLU'>"})
    with (
        zipfile.ZipFile(FOLDER / "dqn.zip") as archive,
        zipfile.ZipFile(io.BytesIO(archive.read("policy.pth"))) as inner,
    ):
        program = inner.read("archive/data.pkl")
    for tensor, sentence in (("lstm.q_net.0.weight", "recurrent"), ("x_net.q_net.0.weight", "layer q_net")):
        renamed = repickled(program.replace(b"q_net.q_net.0.weight", tensor.rjust(20, "a").encode(), 1))
        with pytest.raises(CannotLoad, match=sentence):
            read_stable_baselines(rewritten(tmp_path / "renamed.zip", {"policy.pth": renamed}), task)
    with pytest.raises(CannotLoad, match="it has no parts data"):
        read_stable_baselines(FOLDER / "dqn.npz", task)
    with pytest.raises(CannotLoad, match="cannot be read"):
        read_stable_baselines(tmp_path / "none.zip", task)
