"""Packages that a small installation leaves out, and the extras of `mereq` that install them."""

from mereq.core.errors import MissingPackage

EXTRAS = {  # of the modules that are imported
    "mujoco": "arm",
    "matplotlib": "figures",
    "starlette": "web",
    "uvicorn": "web",
    "websockets": "web",
    "ray": "ray",
    "pyarrow": "lerobot",
    "minari": "minari",
    "h5py": "minari",
    "apriltag": "sight",
    "pyrealsense2": "sight",
    "onnx": "onnx",
    "onnxruntime": "onnx",
}


def advice(error: BaseException) -> str | None:
    """Sentence on the extra that has a missing package; None for another error or package."""
    name = (getattr(error, "name", None) or "").partition(".")[0] if isinstance(error, ImportError) else ""
    extra = EXTRAS.get(name)
    return (
        None
        if extra is None
        else f"This needs the package {name}, which is not installed: pip install 'mereq[{extra}]'"
    )


def missing(error: ImportError) -> MissingPackage | None:
    """The error as a sentence for the user, if an extra has the package."""
    words = advice(error)
    return None if words is None else MissingPackage(f"{words}.")
