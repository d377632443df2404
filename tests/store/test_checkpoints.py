"""What is read from a checkpoint is what was written, or a sentence."""

import importlib
import itertools
import json
import os

import numpy as np
import pytest

from mereq.core.actions import Discrete
from mereq.core.errors import CannotWrite, CorruptCheckpoint, UnknownName
from mereq.core.policy import LogitsPolicy
from mereq.core.task import Task
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import Layer
from mereq.maxent_rl.sac import ActorPolicy
from mereq.store import checkpoints, policies
from mereq.store.checkpoints import load_arrays, save_arrays
from mereq.store.policies import (
    describe,
    describe_shipped,
    fingerprint,
    load_policy,
    load_shipped,
    save_policy,
)

OBS = np.random.default_rng(1).normal(size=(7, 4)).astype(np.float32)
PRIOR = LogitsPolicy(lambda obs: obs[:, :3], 3)


def network(sizes=(4, 8, 3), seed=0) -> tuple[Layer, ...]:
    rng = np.random.default_rng(seed)
    return tuple(
        Layer(rng.normal(size=(m, n)).astype(np.float32), rng.normal(size=n).astype(np.float32))
        for m, n in itertools.pairwise(sizes)
    )


def task(obs_size=4, n_actions=3) -> Task:
    return Task("toy", ("f",), obs_size, Discrete(n_actions), lambda: None, lambda n: None)


@pytest.fixture
def saved(tmp_path):
    save_policy(tmp_path / "prior", QPolicy(network(), None, 0.5, 0.0), about={"task": "toy", "metric": float("nan")})
    return tmp_path / "prior"


def test_arrays_come_back_bit_for_bit(tmp_path):
    arrays = {
        "learner.q[0].weight": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "strided": np.arange(10, dtype=np.int32)[::3],
        "scalar": np.array(7, np.int64),
        "empty": np.zeros((0, 3), bool),
        "key": np.array([1, 2**32 - 1], np.uint32),
        "odd": np.array([np.nan, -0.0, np.inf], np.float32),
    }
    save_arrays(tmp_path / "state", arrays, kind="state", about={"round": 3})
    checkpoint = load_arrays(tmp_path / "state", kind="state")
    assert checkpoint.about["round"] == 3
    assert checkpoint.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        again = checkpoint.arrays[name]
        assert (again.dtype, again.shape, again.tobytes()) == (array.dtype, array.shape, array.tobytes("C"))


@pytest.mark.parametrize("suffix", ["", ".json", ".safetensors"])
def test_a_policy_comes_back(saved, suffix):
    policy = load_policy(saved.with_name("prior" + suffix), task())
    original = QPolicy(network(), None, 0.5, 0.0)
    np.testing.assert_array_equal(policy.distribution(OBS).log_probs, original.distribution(OBS).log_probs)
    about = describe(saved)
    assert (about["task"], about["obs_size"], about["n_actions"], about["temperature"]) == ("toy", 4, 3, 0.5)
    assert sorted(file.name for file in saved.parent.iterdir()) == ["prior.json", "prior.safetensors"]


def test_a_fingerprint_is_of_all_that_a_policy_does_depends_on(saved):
    prior = QPolicy(network(), None, 0.5, 0.0)
    assert fingerprint(load_policy(saved)) == fingerprint(prior)
    others = [
        QPolicy(network(seed=1), None, 0.5, 0.0),
        QPolicy(network(), None, 0.6, 0.0),
        QPolicy(network(), prior, 0.5, 1.0),
        QPolicy(network(), prior, 0.5, 0.9),
        QPolicy(network(), QPolicy(network(seed=1), None, 0.5, 0.0), 0.5, 1.0),
        ActorPolicy(network((4, 8, 6)), None, None),
        ActorPolicy(network((4, 8, 6)), None, prior),
    ]
    assert len({fingerprint(policy) for policy in [prior, *others]}) == 8
    with pytest.raises(TypeError):
        fingerprint(PRIOR)


def test_a_residual_policy_needs_its_prior(tmp_path):
    policy = QPolicy(network(), PRIOR, 0.5, 0.7)
    save_policy(tmp_path / "policy", policy, about={})
    again = load_policy(tmp_path / "policy", task(), PRIOR)
    np.testing.assert_array_equal(again.distribution(OBS).log_probs, policy.distribution(OBS).log_probs)
    with pytest.raises(CorruptCheckpoint, match="needs the prior"):
        load_policy(tmp_path / "policy", task())


def damage_missing_arrays(path):
    path.with_suffix(".safetensors").unlink()


def damage_missing_json(path):
    path.with_suffix(".json").unlink()


def damage_truncated(path):
    file = path.with_suffix(".safetensors")
    file.write_bytes(file.read_bytes()[:-5])


def damage_emptied(path):
    path.with_suffix(".safetensors").write_bytes(b"")


def damage_mixed_up(path):
    other = path.with_name("other")
    save_policy(other, QPolicy(network(seed=1), None, 0.5, 0.0), about={})
    other.with_suffix(".safetensors").replace(path.with_suffix(".safetensors"))


def damage_json_garbage(path):
    path.with_suffix(".json").write_bytes(b"\xff{not json")


def damage_json_cut(path):
    file = path.with_suffix(".json")
    file.write_bytes(file.read_bytes()[:50])


def damage_json_deep(path):
    path.with_suffix(".json").write_text("[" * 200_000)


def damage_json_list(path):
    path.with_suffix(".json").write_text("[1, 2]")


def damage_edited(path):
    file = path.with_suffix(".json")
    file.write_text(file.read_text().replace('"temperature": 0.5', '"temperature": 0.6'))


def damage_other_format(path):
    file = path.with_suffix(".json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 2, "mereq": "9.1"}))


def damage_is_a_directory(path):
    damage_missing_json(path)
    path.with_suffix(".json").mkdir()


DAMAGES = {name: value for name, value in globals().items() if name.startswith("damage_")}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_a_sentence_that_names_the_file(saved, damage):
    damage(saved)
    with pytest.raises(CorruptCheckpoint, match=r"prior\.(json|safetensors): .*\. Restore it"):
        load_policy(saved, task())


def test_every_flipped_byte_is_noticed(saved):
    """A flip in the JSON file's white space or one that leaves its meaning is none."""
    before = load_policy(saved, task()), describe(saved)
    for file in (saved.with_suffix(".safetensors"), saved.with_suffix(".json")):
        content = file.read_bytes()
        for i in range(len(content)):
            file.write_bytes(content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :])
            try:
                after = load_policy(saved, task()), describe(saved)
            except CorruptCheckpoint:
                continue
            assert file.suffix == ".json"
            assert str(after) == str(before)
        file.write_bytes(content)


@pytest.mark.parametrize("sizes", [(5, 8, 3), (4, 8, 2)])
def test_a_policy_for_another_task(tmp_path, sizes):
    save_policy(tmp_path / "prior", QPolicy(network(sizes), None, 1.0, 0.0), about={})
    with pytest.raises(CorruptCheckpoint, match=r"a policy for \d observations and \d actions, but the task toy has 4"):
        load_policy(tmp_path / "prior", task())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda arrays: arrays.pop("0.bias"), "not the layers"),
        (lambda arrays: arrays.clear(), "not the layers"),
        (lambda arrays: arrays.update({"0.weight": np.zeros((4, 9), np.float32)}), "do not fit together"),
        (lambda arrays: arrays.update({"0.weight": np.zeros(4, np.float32)}), "do not fit together"),
        (lambda arrays: arrays.update({"1.weight": np.zeros((8, 3), np.int32)}), "NaN"),
        (lambda arrays: arrays["1.bias"].__setitem__(0, np.nan), "NaN"),
    ],
)
def test_arrays_that_are_no_network(saved, change, problem):
    checkpoint = load_arrays(saved, kind="policy")
    arrays = {name: array.copy() for name, array in checkpoint.arrays.items()}
    change(arrays)
    about = {key: checkpoint.about[key] for key in ("temperature", "prior_temperature")}
    save_arrays(saved, arrays, kind="policy", about=about)
    with pytest.raises(CorruptCheckpoint, match=problem):
        load_policy(saved, task())


@pytest.mark.parametrize(
    "about", [{}, {"temperature": "hot", "prior_temperature": 0}, {"temperature": 0.0, "prior_temperature": 0.0}]
)
def test_impossible_temperatures(saved, about):
    save_arrays(saved, load_arrays(saved, kind="policy").arrays, kind="policy", about=about)
    with pytest.raises(CorruptCheckpoint, match="temperatures"):
        load_policy(saved, task())


def test_other_kinds_and_sizes(saved, monkeypatch):
    with pytest.raises(CorruptCheckpoint, match="is a checkpoint of kind 'policy', not 'state'"):
        load_arrays(saved, kind="state")
    monkeypatch.setitem(checkpoints.LARGEST, "policy", 100)
    with pytest.raises(CorruptCheckpoint, match="more than the 100"):
        load_policy(saved)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("kill_at", range(3))
@pytest.mark.parametrize("first", [True, False])
def test_killed_while_writing_leaves_the_old_pair_or_the_new_one(tmp_path, monkeypatch, kill_at, first):
    old, new = {"x": np.zeros(3)}, {"x": np.ones(3)}
    path = tmp_path / "state"
    if not first:
        save_arrays(path, old, kind="state", about={"name": "old"})
    calls, replace = [], os.replace

    def killed_at(*paths):
        if len(calls) == kill_at:
            raise Killed
        calls.append(paths)
        replace(*paths)

    monkeypatch.setattr(os, "replace", killed_at)
    with pytest.raises(Killed):
        save_arrays(path, new, kind="state", about={"name": "new"})
    monkeypatch.undo()
    if kill_at < 2 and first:
        with pytest.raises(CorruptCheckpoint, match="no such file"):
            load_arrays(path, kind="state")
    else:
        found = load_arrays(path, kind="state")
        assert found.about["name"] == ("new" if kill_at == 2 else "old")
        np.testing.assert_array_equal(found.arrays["x"], (new if kill_at == 2 else old)["x"])
    save_arrays(path, new, kind="state", about={"name": "again"})
    assert load_arrays(path, kind="state").about["name"] == "again"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["state.json", "state.safetensors"]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="a file has this name"):
        save_arrays(tmp_path / "file" / "state", {}, kind="state", about={})
    with pytest.raises(CannotWrite, match="Not a directory"):
        save_arrays(tmp_path / "file" / "deeper" / "state", {}, kind="state", about={})


def test_shipped_policies(tmp_path, monkeypatch):
    package = importlib.resources.files("mereq")
    assert (package / "py.typed").is_file()
    (tmp_path / "checkpoints" / "toy").mkdir(parents=True)
    save_policy(tmp_path / "checkpoints" / "toy" / "prior", QPolicy(network(), None, 0.5, 0.0), about={"seed": 3})
    monkeypatch.setattr(policies.resources, "files", lambda package: tmp_path)
    assert load_shipped(task(), "prior").temperature == 0.5
    assert describe_shipped("toy", "prior")["seed"] == 3
    with pytest.raises(UnknownName, match=r"no shipped policy called 'toy/expert'\. Known: toy/prior"):
        load_shipped(task(), "expert")
    with pytest.raises(UnknownName, match=r"'\.\./toy/prior'"):
        describe_shipped("..", "toy/prior")
    with pytest.raises(CorruptCheckpoint, match="a policy for 4 observations"):
        load_shipped(task(obs_size=9), "prior")
    monkeypatch.setattr(policies.resources, "files", lambda package: tmp_path / "nothing")
    with pytest.raises(UnknownName, match="none here"):
        load_shipped(task(), "prior")
