"""Tensors of a file that `torch.save` wrote, read without PyTorch and without unpickling.

Such a file is a zip archive. `data.pkl` in it is a program for Python's unpickler, which could call any function. Here
it is interpreted by a small machine of its own that knows the instructions of which a dictionary of tensors consists,
and nothing else: no function is looked up or called, and any other instruction refuses the file.
"""

import io
import math
import pickletools
import zipfile
from typing import Any, NamedTuple

import numpy as np

from mereq.core.errors import CannotLoad

MAX_BYTES = 1 << 28  # of one member, uncompressed: policies of small networks need a thousandth
_TYPES = {
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "HalfStorage": "f2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_TENSOR, _PARAMETER, _DICTIONARY = (
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "collections OrderedDict",
)
_VALUES = ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE", "BINFLOAT")
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Mark:
    """Marker on the machine's stack."""


class _Name(NamedTuple):
    """Name of a class or function. It is only compared, never looked up."""

    name: str


class _Storage(NamedTuple):
    """Numbers of one or several tensors."""

    numbers: np.ndarray


def read_member(archive: zipfile.ZipFile, name: str, file: str) -> bytes:
    """One member of a zip archive, if it is of a reasonable size.

    Raises:
        CannotLoad: there is no such member, it is damaged, or larger than `MAX_BYTES`.
    """
    try:
        if archive.getinfo(name).file_size > MAX_BYTES:
            raise CannotLoad(f"{file} is not opened: its part {name} would be larger than {MAX_BYTES >> 20} MiB.")
        with archive.open(name) as part:
            content = part.read(MAX_BYTES + 1)  # the size that the archive states may be false
    except KeyError:
        raise CannotLoad(f"{file} has no part {name}.") from None
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise CannotLoad(f"{file} is damaged: {name} cannot be read ({error}).") from error
    if len(content) > MAX_BYTES:
        raise CannotLoad(f"{file} is not opened: its part {name} would be larger than {MAX_BYTES >> 20} MiB.")
    return content


def read_tensors(content: bytes, file: str) -> dict[str, np.ndarray]:
    """Tensors by name, from the bytes of a state dictionary that `torch.save` wrote (PyTorch 1.6 and later).

    Args:
        content: the bytes.
        file: name of the file, for messages.

    Raises:
        CannotLoad: the bytes are something else than a dictionary of dense tensors.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile:
        raise CannotLoad(
            f"{file} was not saved in PyTorch's zip format (PyTorch 1.6 and later), and is not read: older files can "
            "only be unpickled, which executes what is in them. Load it where you trust it, and save it again."
        ) from None
    with archive:
        programs = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(programs) != 1:
            raise CannotLoad(f"{file} is not a file that PyTorch saved: it has {len(programs)} parts data.pkl.")
        folder = programs[0].removesuffix("data.pkl")
        order = "<"
        if f"{folder}byteorder" in archive.namelist():
            order = ">" if read_member(archive, f"{folder}byteorder", file).strip() == b"big" else "<"
        found = _Machine(archive, folder, order, file).run(read_member(archive, programs[0], file))
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(array, np.ndarray) for name, array in found.items()
    ):
        raise CannotLoad(f"{file} contains something else than a dictionary of tensors. Save `model.state_dict()`.")
    return found


class _Machine:
    """Interpreter of the few instructions of which a dictionary of tensors consists."""

    def __init__(self, archive: zipfile.ZipFile, folder: str, order: str, file: str):
        self._archive, self._folder, self._order, self._file = archive, folder, order, file
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._storages: dict[str, _Storage] = {}

    def run(self, program: bytes) -> Any:
        """What the program leaves on the stack."""
        try:
            for instruction, argument, _ in pickletools.genops(program):
                if instruction.name == "STOP":
                    return self._stack.pop()
                self._execute(instruction.name, argument)
        except CannotLoad:
            raise
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise CannotLoad(f"{self._file} is damaged: its list of tensors cannot be read ({error}).") from error
        raise CannotLoad(f"{self._file} is damaged: its list of tensors has no end.")

    def _execute(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            size = _TUPLES[name]
            parts = tuple(stack[len(stack) - size :])
            del stack[len(stack) - size :]
            stack.append(parts)
        elif name == "TUPLE":
            stack.append(tuple(self._since_mark()))
        elif name == "MARK":
            stack.append(_Mark)
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            self._dictionary(stack[-1])[key] = value
        elif name == "SETITEMS":
            parts = self._since_mark()
            self._dictionary(stack[-1]).update(zip(parts[::2], parts[1::2], strict=True))
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif name == "GLOBAL":
            stack.append(_Name(argument))
        elif name == "BINPERSID":
            stack.append(self._storage(stack.pop()))
        elif name == "REDUCE":
            arguments, called = stack.pop(), stack.pop()
            stack.append(self._made(called, arguments))
        elif name == "BUILD":
            stack.pop()  # attributes of the dictionary: versions of PyTorch's modules
        elif name != "PROTO":
            raise self._refusal(f"the pickle instruction {name}")

    def _since_mark(self) -> list[Any]:
        start = max(i for i, value in enumerate(self._stack) if value is _Mark)
        parts = self._stack[start + 1 :]
        del self._stack[start:]
        return parts

    def _dictionary(self, value: Any) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise self._refusal(f"items of a {type(value).__name__}")
        return value

    def _storage(self, described: Any) -> _Storage:
        kind, of, key, _, size = described
        if kind != "storage" or not isinstance(of, _Name) or not isinstance(key, str):
            raise self._refusal("an object beside its tensors")
        package, _, name = of.name.partition(" ")
        if package != "torch" or name not in _TYPES:
            raise self._refusal(f"numbers of the type {of.name.replace(' ', '.')}")
        if key not in self._storages:
            content = read_member(self._archive, f"{self._folder}data/{key}", self._file)
            numbers = np.frombuffer(content, np.dtype(self._order + _TYPES[name]))
            if len(numbers) < size:
                raise CannotLoad(f"{self._file} is damaged: a tensor has {len(numbers)} of {size} numbers.")
            self._storages[key] = _Storage(numbers)
        return self._storages[key]

    def _made(self, called: Any, arguments: Any) -> Any:
        name = called.name if isinstance(called, _Name) else str(called)
        if name == _DICTIONARY and arguments == ():
            return {}
        if name == _PARAMETER:
            return arguments[0]
        if name != _TENSOR:
            raise self._refusal(f"a call of {name.replace(' ', '.')}")
        storage, offset, shape, strides = arguments[:4]
        if not isinstance(storage, _Storage) or min((offset, *shape, *strides), default=0) < 0:
            raise self._refusal("an impossible tensor")
        size = math.prod(shape)
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        if size == 0 or last >= len(storage.numbers) or size > len(storage.numbers):
            raise CannotLoad(f"{self._file} is damaged: a tensor of shape {shape} does not fit its numbers.")
        numbers = storage.numbers[offset:]
        steps = tuple(stride * numbers.itemsize for stride in strides)
        view = np.lib.stride_tricks.as_strided(numbers, shape, steps, writeable=False)
        return view.astype(numbers.dtype.newbyteorder("="))

    def _refusal(self, what: str) -> CannotLoad:
        return CannotLoad(
            f"{self._file} contains {what}. Only tensors are read, since anything else in such a file could execute "
            "code. Save a state dictionary of tensors, or the policy as ONNX."
        )
