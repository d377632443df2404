"""Policies of strangers: whatever their files contain, nothing is executed, and no other file is touched.

Python's audit events say what was done while a file was opened. Cases that also belong to one format are in
test_stable_baselines.py and test_graphs.py.
"""

import io
import json
import os
import pickle
import stat
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from mereq.core.actions import Discrete
from mereq.core.errors import MereqError
from mereq.priors import stable_baselines, torch_archive
from mereq.priors.normalization import SUFFIX
from mereq.runs.policies import open_policy
from sb3_files import FOLDER, task_of

TASK = task_of(4, Discrete(3))
DOING = ("os.", "shutil.", "subprocess.", "socket.", "ctypes.", "pickle.", "exec", "urllib.", "sqlite3.")
watched: list[str] | None = None  # what happens, while a file is opened


def note(event: str, arguments: tuple) -> None:
    if watched is None:
        return
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        watched.append(f"open {Path(os.fsdecode(arguments[0])).name}")
    elif event.startswith(DOING):
        watched.append(event)


sys.addaudithook(note)


def opening(path: Path) -> tuple[set[str], str]:
    """What happens when a policy is opened twice, and the sentence that refuses it, or nothing.

    At the first time modules are imported, and the tests' own checks of types are compiled: executed code counts the
    second time.
    """
    global watched
    happened: set[str] = set()
    for second in (False, True):
        watched, refused = [], ""
        try:
            open_policy(path, TASK, temperature=1.0)
        except MereqError as mistake:
            refused = str(mistake)
        finally:
            seen, watched = watched, None
        happened |= {event for event in seen if second or event != "exec"}
    return happened, refused


# ---------------------------------------------------------------------------------------------------------------- zips


def parts_of(file: Path = FOLDER / "dqn.zip") -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def inner(change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> bytes:
    """The whole zip, after a change of the archive of its tensors."""
    parts = parts_of()
    tensors = change(parts_of(io.BytesIO(parts["policy.pth"])))
    return zipped(parts | {"policy.pth": zipped(tensors, zipfile.ZIP_DEFLATED)})


def program(body: bytes) -> bytes:
    return inner(lambda parts: parts | {"archive/data.pkl": b"\x80\x02" + body + b"."})


DEEP = b"K\x01" + 60 * b"q\x00h\x00\x86"  # a pair of pairs of pairs: 2^60 numbers, if all of them are looked at
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ"
ABOVE = STORAGE.replace(b"X\x01\x00\x00\x000", b"X\x09\x00\x00\x00../../etc")
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE


def link_to(target: str) -> bytes:
    """A zip in which policy.pth is a symbolic link."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("data", parts_of()["data"])
        link = zipfile.ZipInfo("policy.pth")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, target)
    return out.getvalue()


def elsewhere(prefix: str) -> bytes:
    """Every member has a path that leads out of any folder; the policy is beside them."""
    return zipped({f"{prefix}{name}": b"evil" for name in ("passwd", "data", "policy.pth")} | parts_of())


def lying() -> bytes:
    """An archive that states a small size for a part that is 4 MiB of zeros."""
    content = zipped({"data": b"{}", "policy.pth": bytes(4 << 20)}, zipfile.ZIP_DEFLATED)
    return content.replace((4 << 20).to_bytes(4, "little"), (100).to_bytes(4, "little"))


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


ZIPS = {
    "a pickle": (zipped({"data": b"{}", "policy.pth": pickle.dumps(Bomb())}), "not saved in PyTorch's zip format"),
    "a pickle as settings": (zipped(parts_of() | {"data": pickle.dumps(Bomb())}), "not JSON"),
    "settings nested deeply": (zipped(parts_of() | {"data": b"[" * 100_000}), "not JSON"),
    "a link to a file": (link_to("/etc/passwd"), "not saved in PyTorch's zip format"),
    "absolute paths": (elsewhere("/etc/"), ""),
    "paths upwards": (elsewhere("../../../"), ""),
    "a size that lies": (lying(), "damaged"),
    "a call of os.system": (program(b"cposix\nsystem\n(X\x02\x00\x00\x00idtR"), r"a call of posix.system"),
    "a call of something deep": (program(DEEP + b")R"), "a call of a tuple"),
    "a deep name": (program(b"}" + DEEP + b"K\x01s"), "items of a dict that are no tensors by name"),
    "a deep offset": (program(TENSOR + DEEP + DEEP + b"K\x01\x85tR"), "an impossible tensor"),
    "a text as size": (program(TENSOR + b"K\x00X\x01\x00\x00\x00a\x85K\x01\x85tR"), "an impossible tensor"),
    "a mark for each byte": (program(b"(" * 4_000 + b"t" * 4_000), "something else than a dictionary of tensors"),
    "a program without end": (inner(lambda p: p | {"archive/data.pkl": b"(" * (2 << 20)}), "larger than 1 MiB"),
    "numbers above": (program(b"}X\x01\x00\x00\x00a" + ABOVE + b"s"), "has no part"),
}  # fmt: skip


@pytest.mark.parametrize("name", ZIPS)
def test_zips(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    content, sentence = ZIPS[name]
    (tmp_path / "p.zip").write_bytes(content)
    happened, refused = opening(tmp_path / "p.zip")
    assert sentence in refused
    assert bool(refused) == bool(sentence)
    assert happened == {"open p.zip"}
    assert [file.name for file in tmp_path.iterdir()] == ["p.zip"]


def test_many_small_bombs_are_one_large_one(tmp_path, monkeypatch):
    """Tensors are counted together: a few bytes of program could copy one a thousand times."""
    whole, size = parts_of(), 4 * 4 * 64
    monkeypatch.setattr(torch_archive, "MAX_BYTES", 20 * size)
    monkeypatch.setattr(stable_baselines, "read_member", lambda archive, name, file: whole[name])
    tensor = b"X\x01\x00\x00\x00%b" + TENSOR.replace(b"K\x01tQ", b"M\x00\x01tQ") + b"K\x00M\x00\x01\x85K\x01\x85tR"
    for n, sentence in ((10, "tensors of an algorithm that is not known"), (30, "tensors would be larger")):
        body = b"}(" + b"".join(tensor % bytes([65 + i]) for i in range(n)) + b"u"
        tensors = {"archive/data.pkl": b"\x80\x02" + body + b".", "archive/data/0": bytes(size)}
        whole = whole | {"policy.pth": zipped(tensors)}
        assert sentence in opening(FOLDER / "dqn.zip")[1]


def test_statistics_that_would_fill_the_memory(tmp_path):
    def array(header: str) -> bytes:
        text = header.ljust(117) + "\n"
        return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()

    (tmp_path / "p.zip").write_bytes((FOLDER / "dqn.zip").read_bytes())
    small = {
        f"{name}.npy": array("{'descr': '<f8', 'fortran_order': False, 'shape': (), }") for name in ("var", "clip")
    }
    huge = array(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({1 << 50},), }}")
    for mean in (huge, bytes(2 << 20)):
        (tmp_path / f"p{SUFFIX}").write_bytes(zipped({"mean.npy": mean, **small}, zipfile.ZIP_DEFLATED))
        happened, refused = opening(tmp_path / "p.zip")
        assert "p.normalization.npz" in refused
        assert happened == {"open p.zip", f"open p{SUFFIX}"}


# ---------------------------------------------------------------------------------------------------------------- ONNX


def graph(*nodes, initializers=(), producer="", **more):
    weights = [numpy_helper.from_array(np.ones((4, 3), np.float32), "w"), *initializers]
    inputs = [helper.make_tensor_value_info("obs", TensorProto.FLOAT, ["n", 4])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])]
    made = helper.make_graph(
        [*nodes, helper.make_node("MatMul", ["obs", "w"], ["logits"])], "p", inputs, outputs, weights
    )
    versions = [helper.make_opsetid("", 17)]
    return helper.make_model(made, opset_imports=versions, ir_version=9, producer_name=producer, **more)


def outside(location: str, *, sparse: bool = False):
    """Weights, or sparse ones, in another file."""
    model = graph()
    tensor = TensorProto(name="v", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    if sparse:
        model.graph.sparse_initializer.add(values=tensor, dims=[3])
    else:
        model.graph.initializer.append(tensor)
    return model


def trained(location: str):
    model = graph()
    model.training_info.add(initialization=outside(location).graph)
    return model


def many_large():
    shape = numpy_helper.from_array(np.array([1 << 25], np.int64), "s")
    nodes = [helper.make_node("ConstantOfShape", ["s"], [f"x{i}"]) for i in range(5)]
    return graph(*nodes, initializers=[shape])


MODELS = {
    "weights at an absolute path": (outside("/etc/passwd"), "keeps its weights in another file"),
    "weights above": (outside("../beside.bin"), "keeps its weights in another file"),
    "weights beside": (outside("beside.bin"), "keeps its weights in another file"),
    "weights at an address": (outside("http://localhost/w"), "keeps its weights in another file"),
    "sparse weights": (outside("/etc/passwd", sparse=True), "keeps its weights in another file"),
    "weights of a training": (trained("/etc/passwd"), "has graphs for training"),
    "tensors that are large together": (many_large(), "together larger than 128 million numbers"),
    "another format in the same bytes": (graph(producer="ORTM and more"), ""),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside.bin").write_bytes(bytes(12))
    (tmp_path / "fine.onnx").write_bytes(graph().SerializeToString())
    assert opening(tmp_path / "fine.onnx")[1] == ""
    model, sentence = MODELS[name]
    (tmp_path / "p.onnx").write_bytes(model.SerializeToString())
    happened, refused = opening(tmp_path / "p.onnx")
    assert sentence in refused
    assert bool(refused) == bool(sentence)
    assert happened == {"open p.onnx"}


# ------------------------------------------------------------------------------------------------------------- folders


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("how", ["nested", "endless", "waiting", "a folder"])
def test_folders(tmp_path, name, how):
    """Folder in the Hub's layout. A link to an ordinary file is one of the Hub's own."""
    (tmp_path / "config.json").write_text(json.dumps({"format": 1, "policy": {}}))
    (tmp_path / "model.safetensors").write_bytes(bytes(8))
    file = tmp_path / name
    file.unlink()
    if how == "nested":
        file.write_text("[" * 100_000)
    elif how == "endless":
        file.symlink_to("/dev/zero")
    elif how == "waiting":
        os.mkfifo(file)
    else:
        file.mkdir()
    happened, refused = opening(tmp_path)
    assert "is no ordinary file" in refused or "no folder with a policy" in refused
    assert happened <= {"open config.json", "open model.safetensors"}


@pytest.mark.parametrize("suffix", [".zip", ".onnx"])
def test_what_is_no_file(tmp_path, suffix):
    os.mkfifo(tmp_path / f"p{suffix}")
    assert "is no ordinary file" in opening(tmp_path / f"p{suffix}")[1]
