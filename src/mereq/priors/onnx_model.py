"""Policies as ONNX files, run by onnxruntime after a look at everything that the file refers to.

An ONNX graph is arithmetic, but a file may name other files as its weights, operators of libraries that would have to
be loaded, loops without end, or tensors that fill the memory. Such files are refused before onnxruntime sees them.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mereq.core.errors import CannotLoad
from mereq.core.policy import Policy
from mereq.core.task import Task
from mereq.priors.outputs import policy_of_function, recognized, undeclared

MAX_BYTES = 1 << 30  # of a file
MAX_NUMBERS = 1 << 27  # of one tensor, and of all whose shapes are known
DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
LOOPS = ("Loop", "Scan", "SequenceMap")
KIND = "mereq.prior_kind"  # entry of a file's metadata that declares its kind


def read_onnx(path: Path, task: Task, *, kind: str | None = None, temperature: float = 1.0) -> Policy:
    """The policy of an ONNX file.

    Its first input are observations (n, obs), as float32. A second input `noise` (n, numbers), which gets standard
    normal numbers, makes a policy of samples. Outputs are arrays, or for normals the mean and the log-std.

    Args:
        path: of the file.
        task: whose actions and observations the policy must fit.
        kind: of the outputs; see `mereq.priors.outputs`. None: declared by the file, or by the names of its outputs.
        temperature: of the softmax of Q-values.

    Raises:
        CannotLoad: the file is refused or damaged, does not fit the task, or onnxruntime is not installed.
    """
    content = _content(path)
    model = _checked(content, path)
    session = _session(content, path)
    inputs = session.get_inputs()
    names = tuple(output.name for output in session.get_outputs())
    takes_noise = len(inputs) == 2 and inputs[1].name == "noise"
    if len(inputs) != 1 and not takes_noise:
        raise CannotLoad(
            f"{path} has the inputs {', '.join(each.name for each in inputs)}; a policy has one, the observation, and "
            "may have a second one called noise."
        )
    _check_observation(inputs[0], path, task)
    declared = {entry.key: entry.value for entry in model.metadata_props}
    kind = kind or declared.get(KIND) or recognized(names, takes_noise=takes_noise)
    if kind is None:
        raise undeclared(str(path), f"outputs called {', '.join(names)}")
    outputs = _outputs(kind, names, path)
    if (kind == "samples") != takes_noise:
        raise CannotLoad(
            f"{path} has the inputs {', '.join(each.name for each in inputs)}; a policy of the kind {kind} has "
            f"{'the observation and noise' if kind == 'samples' else 'the observation alone'}."
        )
    return policy_of_function(_function(session, outputs), kind, task, str(path), temperature=temperature)


def _outputs(kind: str, names: tuple[str, ...], path: Path) -> tuple[str, ...]:
    """Names of the outputs that a kind needs: those of its usual names, or all there are."""
    usual = {"gaussian": ("mean", "log_std"), "clipped-gaussian": ("mean", "log_std")}.get(kind, (kind,))
    found = usual if set(usual) <= set(names) else names
    if len(found) != len(usual):
        raise CannotLoad(
            f"{path} has {len(names)} outputs ({', '.join(names)}); a policy of the kind {kind} has {len(usual)}: "
            f"{', '.join(usual)}."
        )
    return found


def _content(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise CannotLoad(f"The policy {path} cannot be read: it is no ordinary file.")
        if path.stat().st_size > MAX_BYTES:
            raise CannotLoad(f"{path} is not opened: it is larger than {MAX_BYTES >> 20} MiB.")
        return path.read_bytes()
    except OSError as error:
        raise CannotLoad(f"The policy {path} cannot be read: {error.strerror}.") from error


def _checked(content: bytes, path: Path) -> Any:
    """The parsed model, after a check of everything that it refers to."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise _not_installed(path, error) from error
    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError) as error:
        raise CannotLoad(f"{path} is no ONNX file, or is damaged.") from error
    if model.training_info:
        raise CannotLoad(f"{path} has graphs for training. Export it for inference.")
    unknown = sorted({entry.domain for entry in model.opset_import} - set(DOMAINS))
    if unknown or model.functions:
        raise CannotLoad(
            f"{path} uses operators of {', '.join(unknown) or 'its own'}, which are no part of ONNX and would need "
            "code of others. Export it with standard operators only, and with functions inlined."
        )
    for graph in _graphs(model.graph):
        _check_graph(graph, path)
    _check_sizes(model, path)
    return model


def _graphs(graph: Any, depth: int = 0) -> Iterator[Any]:
    """The graph, and the graphs within it."""
    if depth > 20:
        raise CannotLoad("An ONNX file has graphs within graphs, twenty deep: it is not opened.")
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from _graphs(inner, depth + 1)


def _tensors(graph: Any) -> Iterator[Any]:
    """Tensors that a graph contains, as initial values or as constants."""
    yield from graph.initializer
    sparse = list(graph.sparse_initializer)
    for node in graph.node:
        for attribute in node.attribute:
            yield from ([attribute.t] if attribute.HasField("t") else []) + list(attribute.tensors)
            sparse += [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
            sparse += attribute.sparse_tensors
    for tensor in sparse:
        yield from (tensor.values, tensor.indices)


def _check_graph(graph: Any, path: Path) -> None:
    for node in graph.node:
        if node.domain not in DOMAINS:
            raise CannotLoad(
                f"{path} uses the operator {node.domain}.{node.op_type}, which is no part of ONNX and would need code "
                "of others. Export it with standard operators only."
            )
        if node.op_type in LOOPS:
            raise CannotLoad(f"{path} has a {node.op_type}, which may never end. Export it with its loops unrolled.")
    for tensor in _tensors(graph):
        if tensor.data_location == tensor.EXTERNAL or tensor.external_data:
            raise CannotLoad(
                f"{path} keeps its weights in another file, and could name any file of this machine. Save it as one "
                "file (in PyTorch: torch.onnx.export(..., external_data=False))."
            )
        _check_shape(tensor.dims, tensor.name, path)


def _check_sizes(model: Any, path: Path) -> None:
    """Refuse a model in which a tensor of a known shape is too large, for one observation at a time."""
    import onnx

    single = onnx.ModelProto()
    single.CopyFrom(model)
    for value in single.graph.input:
        shape = value.type.tensor_type.shape
        if shape.dim and not shape.dim[0].dim_value:
            shape.dim[0].dim_value = 1
    try:
        onnx.checker.check_model(single)
        inferred = onnx.shape_inference.infer_shapes(single, data_prop=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        raise CannotLoad(f"{path} is no valid ONNX file: {str(error).splitlines()[0]}") from error
    total = 0
    for graph in _graphs(inferred.graph):
        for value in (*graph.value_info, *graph.output, *graph.input):
            total += _check_shape([dim.dim_value for dim in value.type.tensor_type.shape.dim], value.name, path)
    if total > MAX_NUMBERS:
        raise CannotLoad(f"{path} has tensors that are together larger than {MAX_NUMBERS >> 20} million numbers.")


def _check_shape(dims: Any, name: str, path: Path) -> int:
    """Numbers of a tensor, if they are not too many."""
    numbers = 1
    for dim in dims:
        numbers *= max(int(dim), 1)
    if numbers > MAX_NUMBERS or any(dim < 0 for dim in dims):
        raise CannotLoad(
            f"{path} has a tensor {name} of shape {tuple(dims)}: larger than {MAX_NUMBERS >> 20} million numbers."
        )
    return numbers


def _session(content: bytes, path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise _not_installed(path, error) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.load_model_format", "ONNX")  # not another format within the same bytes
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has exceptions of a dozen classes without a common one
        raise CannotLoad(f"onnxruntime refuses {path}: {str(error).splitlines()[0]}") from error


def _not_installed(path: Path, error: ImportError) -> CannotLoad:
    return CannotLoad(f"{path} needs onnx and onnxruntime: pip install 'mereq[onnx]' ({error}).")


def _check_observation(found: Any, path: Path, task: Task) -> None:
    size = found.shape[1] if len(found.shape) == 2 else None
    if found.type != "tensor(float)" or len(found.shape) != 2 or (isinstance(size, int) and size != task.obs_size):
        raise CannotLoad(
            f"{path} takes an input {found.name} of type {found.type} and shape {found.shape}; observations of the "
            f"task {task.name} are float32 of shape (n, {task.obs_size})."
        )


def _function(session: Any, outputs: tuple[str, ...]) -> Callable[..., Any]:
    inputs = session.get_inputs()
    batches = not isinstance(inputs[0].shape[0], int)

    def run(feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        if batches:
            return session.run(outputs, feed)
        n = len(feed[inputs[0].name])
        rows = [session.run(outputs, {name: part[i : i + 1] for name, part in feed.items()}) for i in range(n)]
        return [np.concatenate(parts) for parts in zip(*rows, strict=True)]

    def function(obs: np.ndarray, rng: np.random.Generator | None = None) -> Any:
        feed = {inputs[0].name: np.asarray(obs, np.float32)}
        if rng is not None:
            feed[inputs[1].name] = rng.standard_normal((len(obs), inputs[1].shape[1]), np.float32)
        found = run(feed)
        return found[0] if len(outputs) == 1 else tuple(found)

    return function
