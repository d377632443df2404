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

MAX_BYTES = 1 << 28  # of one member, uncompressed, and of all tensors: policies of small networks need a thousandth
MAX_PROGRAM = 1 << 20  # bytes that say which tensors there are: some hundred for each
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


def read_member(archive: zipfile.ZipFile, name: str, file: str, most: int = MAX_BYTES) -> bytes:
    """One member of a zip archive, if it is of a reasonable size.

    Raises:
        CannotLoad: there is no such member, it is damaged, or larger than `most` bytes.
    """
    too_large = CannotLoad(f"{file} is not opened: its part {name} would be larger than {most >> 20} MiB.")
    try:
        if archive.getinfo(name).file_size > most:
            raise too_large
        with archive.open(name) as part:
            content = part.read(most + 1)  # the size that the archive states may be false
    except KeyError:
        raise CannotLoad(f"{file} has no part {name}.") from None
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise CannotLoad(f"{file} is damaged: {name} cannot be read ({error}).") from error
    if len(content) > most:
        raise too_large
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
        found = _Machine(archive, folder, order, file).run(read_member(archive, programs[0], file, MAX_PROGRAM))
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
        self._left = MAX_BYTES  # for all storages and tensors together

    def run(self, program: bytes) -> Any:
        """What the program leaves on the stack."""
        try:
            for instruction, argument, _ in pickletools.genops(program):
                if instruction.name == "STOP":
                    return self._stack.pop()
                self._execute(instruction.name, argument)
        except CannotLoad:
            raise
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, StopIteration) as error:
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
            self._add(stack[-1], [key], [value])
        elif name == "SETITEMS":
            parts = self._since_mark()
            self._add(stack[-1], parts[::2], parts[1::2])
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
        start = next(i for i in reversed(range(len(self._stack))) if self._stack[i] is _Mark)
        parts = self._stack[start + 1 :]
        del self._stack[start:]
        return parts

    def _add(self, to: Any, names: list[Any], values: list[Any]) -> None:
        """Put items into a dictionary. Of a name that is no text, nested tuples, a hash could take for ever."""
        if not isinstance(to, dict) or not all(isinstance(name, str) for name in names):
            raise self._refusal(f"items of a {type(to).__name__} that are no tensors by name")
        to.update(zip(names, values, strict=True))

    def _spend(self, n_bytes: int) -> None:
        self._left -= n_bytes
        if self._left < 0:
            raise CannotLoad(f"{self._file} is not opened: its tensors would be larger than {MAX_BYTES >> 20} MiB.")

    def _storage(self, described: Any) -> _Storage:
        kind, of, key, _, size = described
        if kind != "storage" or not isinstance(of, _Name) or not isinstance(key, str):
            raise self._refusal("an object beside its tensors")
        package, _, name = of.name.partition(" ")
        if package != "torch" or name not in _TYPES:
            raise self._refusal(f"numbers of the type {of.name.replace(' ', '.')}")
        if key not in self._storages:
            content = read_member(self._archive, f"{self._folder}data/{key}", self._file)
            self._spend(len(content))
            numbers = np.frombuffer(content, np.dtype(self._order + _TYPES[name]))
            if len(numbers) < size:
                raise CannotLoad(f"{self._file} is damaged: a tensor has {len(numbers)} of {size} numbers.")
            self._storages[key] = _Storage(numbers)
        return self._storages[key]

    def _made(self, called: Any, arguments: Any) -> Any:
        if not isinstance(called, _Name):
            raise self._refusal(f"a call of a {type(called).__name__}")
        name = called.name
        if name == _DICTIONARY and arguments == ():
            return {}
        if name == _PARAMETER:
            return arguments[0]
        if name != _TENSOR:
            raise self._refusal(f"a call of {name.replace(' ', '.')}")
        storage, offset, shape, strides = arguments[:4]
        whole = all(type(number) is int and number >= 0 for number in (offset, *shape, *strides))
        if not isinstance(storage, _Storage) or not whole:
            raise self._refusal("an impossible tensor")
        size = math.prod(shape)
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        if size == 0 or last >= len(storage.numbers) or size > len(storage.numbers):
            raise CannotLoad(f"{self._file} is damaged: a tensor of shape {shape} does not fit its numbers.")
        self._spend(size * storage.numbers.itemsize)
        numbers = storage.numbers[offset:]
        steps = tuple(stride * numbers.itemsize for stride in strides)
        view = np.lib.stride_tricks.as_strided(numbers, shape, steps, writeable=False)
        return view.astype(numbers.dtype.newbyteorder("="))

    def _refusal(self, what: str) -> CannotLoad:
        return CannotLoad(
            f"{self._file} contains {what}. Only tensors are read, since anything else in such a file could execute "
            "code. Save a state dictionary of tensors, or the policy as ONNX."
        )
