"""Priors from ONNX and TorchScript files and from functions; and ONNX files that are refused before anything runs."""

import numpy as np
import pytest

from mereq.core.actions import Box, Discrete
from mereq.core.distribution import Categorical, ClippedGaussian, SquashedGaussian, WeightedSamples
from mereq.core.errors import CannotLoad, UnknownName
from mereq.priors.onnx_model import read_onnx
from mereq.priors.outputs import KINDS, policy_of_function
from mereq.priors.torchscript import read_torchscript
from sb3_files import task_of

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

RNG = np.random.default_rng(0)
WEIGHT, BIAS = RNG.normal(size=(4, 3)).astype(np.float32), RNG.normal(size=3).astype(np.float32)
OBS = RNG.normal(size=(6, 4)).astype(np.float32)
ACTION = Box(3, (-1.0, 0.0, -2.0), (1.0, 1.0, 5.0))


FEW, BOXES = task_of(4, Discrete(3)), task_of(4, ACTION)


def model_of(nodes, outputs, *, noise=False, initializers=(), batch="n", opsets=(("", 17),), kind=None):
    floats = TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info("obs", floats, [batch, 4])]
    inputs += [helper.make_tensor_value_info("noise", floats, [batch, 3])] if noise else []
    weights = [numpy_helper.from_array(WEIGHT, "w"), numpy_helper.from_array(BIAS, "b"), *initializers]
    found = [helper.make_tensor_value_info(name, floats, ["n", "k"]) for name in outputs]
    graph = helper.make_graph(nodes, "policy", inputs, found, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*each) for each in opsets], ir_version=9)
    if kind is not None:
        helper.set_model_props(model, {"mereq.prior_kind": kind})
    return model


def linear(output):
    return helper.make_node("Gemm", ["obs", "w", "b"], [output])


def saved(tmp_path, model, name="policy.onnx"):
    (tmp_path / name).write_bytes(model.SerializeToString())
    return tmp_path / name


ANSWER = OBS @ WEIGHT + BIAS


def test_logits_and_q_values_are_recognised_by_name(tmp_path):
    for name, divisor in (("logits", 1.0), ("q_values", 0.5)):
        found = read_onnx(saved(tmp_path, model_of([linear(name)], [name])), FEW, temperature=0.5).distribution(OBS)
        assert isinstance(found, Categorical)
        wanted = Categorical.from_logits(ANSWER / divisor)
        np.testing.assert_allclose(found.log_probs, wanted.log_probs, atol=1e-5)


def test_a_kind_is_declared_by_the_user_or_in_the_file(tmp_path):
    path = saved(tmp_path, model_of([linear("output")], ["output"]))
    with pytest.raises(CannotLoad, match=r"outputs called output, .*--prior-kind, one of:\nlogits"):
        read_onnx(path, FEW)
    np.testing.assert_allclose(read_onnx(path, FEW, kind="logits").distribution(OBS).mode(), ANSWER.argmax(axis=1))
    declared = saved(tmp_path, model_of([linear("output")], ["output"], kind="logits"))
    assert isinstance(read_onnx(declared, FEW).distribution(OBS), Categorical)
    with pytest.raises(CannotLoad, match="return gaussian, and the task noise has 3 actions"):
        policy_of_function(lambda obs: obs, "gaussian", FEW, "it")
    with pytest.raises(UnknownName, match="clipped-gaussian"):
        policy_of_function(lambda obs: obs, "normal", FEW, "it")


def test_normals_actions_and_samples(tmp_path):
    both = [linear("mean"), helper.make_node("Neg", ["mean"], ["log_std"])]
    path = saved(tmp_path, model_of(both, ["mean", "log_std"]))
    with pytest.raises(CannotLoad, match="mean, log_std"):
        read_onnx(path, BOXES)  # before a tanh, or clipped?
    squashed, clipped = (
        read_onnx(path, BOXES, kind=kind).distribution(OBS) for kind in ("gaussian", "clipped-gaussian")
    )
    assert isinstance(squashed, SquashedGaussian)
    np.testing.assert_allclose(squashed.log_std, -ANSWER, atol=1e-5)
    assert isinstance(clipped, ClippedGaussian)
    np.testing.assert_allclose(ACTION.to_units(clipped.mode()), np.clip(ANSWER, *ACTION.limits), atol=1e-5)
    action = read_onnx(saved(tmp_path, model_of([linear("action")], ["action"])), BOXES).distribution(OBS)
    np.testing.assert_allclose(ACTION.to_units(action.mean), ANSWER, atol=1e-5)
    drawing = [linear("mean"), helper.make_node("Add", ["mean", "noise"], ["action"])]
    drawn = read_onnx(saved(tmp_path, model_of(drawing, ["action"], noise=True)), BOXES).distribution(OBS)
    assert isinstance(drawn, WeightedSamples)
    assert drawn.actions.shape == (6, 32, 3)
    assert np.std(drawn.actions, axis=1).max() > 0.5


def test_a_graph_for_one_observation_is_called_for_each(tmp_path):
    found = read_onnx(saved(tmp_path, model_of([linear("logits")], ["logits"], batch=1)), FEW).distribution(OBS)
    np.testing.assert_allclose(found.log_probs, Categorical.from_logits(ANSWER).log_probs, atol=1e-5)


def test_a_graph_of_another_task_is_refused(tmp_path):
    path = saved(tmp_path, model_of([linear("logits")], ["logits"]))
    with pytest.raises(CannotLoad, match=r"float32 of shape \(n, 5\)"):
        read_onnx(path, task_of(5, Discrete(3)))
    with pytest.raises(CannotLoad, match="For these a policy returns gaussian"):
        read_onnx(path, BOXES)
    with pytest.raises(CannotLoad, match="of the kind samples has the observation and noise"):
        read_onnx(path, FEW, kind="samples")


# ---------------------------------------------------------------------------------------------------- malicious files


def outside(tmp_path):
    secret = tmp_path / "outside.bin"
    secret.write_bytes(WEIGHT.tobytes())
    model = model_of([linear("logits")], ["logits"])
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../outside.bin")
    return model


def hidden_outside(tmp_path):
    """The same within a constant of a branch."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/hostname")
    branch = helper.make_graph([helper.make_node("Constant", [], ["c"], value=tensor)], "b", [], [])
    node = helper.make_node("If", ["obs"], ["logits"], then_branch=branch, else_branch=branch)
    return model_of([node], ["logits"])


def own_operator(tmp_path):
    node = helper.make_node("Explode", ["obs"], ["logits"], domain="com.evil")
    return model_of([node], ["logits"], opsets=(("", 17), ("com.evil", 1)))


def undeclared_operator(tmp_path):
    return model_of([helper.make_node("Explode", ["obs"], ["logits"], domain="com.evil")], ["logits"])


def unknown_operator(tmp_path):
    return model_of([helper.make_node("Explode", ["obs"], ["logits"])], ["logits"])


def own_function(tmp_path):
    model = model_of([linear("logits")], ["logits"])
    model.functions.append(helper.make_function("own", "F", ["x"], ["y"], [], [helper.make_opsetid("", 17)]))
    return model


def endless(tmp_path):
    body = helper.make_graph([], "b", [], [])
    return model_of([helper.make_node("Loop", ["", ""], ["logits"], body=body)], ["logits"])


def huge_constant(tmp_path):
    model = model_of([linear("logits")], ["logits"])
    model.graph.initializer[0].dims[:] = [1 << 20, 1 << 20]
    return model


def huge_while_running(tmp_path):
    shape = numpy_helper.from_array(np.array([1 << 20, 1 << 20], np.int64), "shape")
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["x"]), helper.make_node("ReduceSum", ["x"], ["logits"])]
    return model_of(nodes, ["logits"], initializers=[shape])


def negative(tmp_path):
    model = model_of([linear("logits")], ["logits"])
    model.graph.initializer[0].dims[:] = [-1, 3]
    return model


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (outside, "keeps its weights in another file"),
        (hidden_outside, "keeps its weights in another file"),
        (own_operator, "operators of com.evil"),
        (undeclared_operator, r"operator com\.evil\.Explode"),
        (unknown_operator, "no valid ONNX file"),
        (own_function, "operators of its own"),
        (endless, "Loop, which may never end"),
        (huge_constant, "larger than 128 million numbers"),
        (huge_while_running, "larger than 128 million numbers"),
        (negative, r"of shape \(-1, 3\)"),
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_a_malicious_file_is_refused_before_onnxruntime_sees_it(tmp_path, monkeypatch, make, sentence):
    import onnxruntime

    def opened(*_, **__):
        raise AssertionError("onnxruntime was given the file")

    monkeypatch.setattr(onnxruntime, "InferenceSession", opened)
    (tmp_path / "folder").mkdir()
    path = saved(tmp_path / "folder", make(tmp_path))
    with pytest.raises(CannotLoad, match=sentence):
        read_onnx(path, FEW, kind="logits")


def test_damaged_files_are_refused(tmp_path):
    whole = model_of([linear("logits")], ["logits"]).SerializeToString()
    path = tmp_path / "policy.onnx"
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(CannotLoad):
            read_onnx(path, FEW)
    with pytest.raises(CannotLoad, match="cannot be read"):
        read_onnx(tmp_path / "none.onnx", FEW)


# ------------------------------------------------------------------------------------------- functions, TorchScript


def test_a_function_of_each_kind():
    answers = {
        "logits": ANSWER,
        "q": ANSWER,
        "gaussian": (ANSWER, -ANSWER),
        "clipped-gaussian": (ANSWER, -ANSWER),
        "action": ANSWER,
        "samples": ANSWER,
    }
    assert answers.keys() == set(KINDS)
    for kind, answer in answers.items():
        task = FEW if kind in ("logits", "q") else BOXES

        def function(obs, *rng, answer=answer):
            return answer if not rng else np.repeat(answer, 32, axis=0)

        assert policy_of_function(function, kind, task, "it").distribution(OBS).parameters.shape[0] == len(OBS)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript(tmp_path):
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(4, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(WEIGHT.T))
        layer.bias.copy_(torch.from_numpy(BIAS))
    path = tmp_path / "policy.pt"
    torch.jit.save(torch.jit.trace(layer, torch.zeros(1, 4)), str(path))
    found = read_torchscript(path, FEW, kind="logits").distribution(OBS)
    np.testing.assert_allclose(found.log_probs, Categorical.from_logits(ANSWER).log_probs, atol=1e-5)
    with pytest.raises(CannotLoad, match="Say it with --prior-kind"):
        read_torchscript(path, FEW)
    torch.save(layer.state_dict(), path)
    with pytest.raises(CannotLoad, match="Files of weights alone"):
        read_torchscript(path, FEW, kind="logits")
