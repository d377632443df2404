"""JSON for the page, in which numbers that JSON lacks become null."""

import json
import math
from collections.abc import Mapping
from typing import Any


def to_json(message: Mapping[str, Any]) -> str:
    """The message as JSON, which any browser can parse."""
    try:
        return json.dumps(message, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(message), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
