"""The server's messages have the fields and types that the page's TypeScript declares.

`frontend/message_types.json` lists the TypeScript interfaces; `make page` writes it and `make page-check` verifies it.
"""

import json
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import numpy as np
import pytest

from mereq.core import view
from mereq.core.view import discrete_controls
from mereq.presets.registry import TASKS
from mereq.tasks.rendered_view import RenderedView
from mereq.web import messages, views
from mereq.web.devices.device import Held
from mereq.web.task_view import task_view_of
from sittings import Person, sit, spec

LISTING = json.loads((Path(__file__).parents[2] / "frontend" / "message_types.json").read_text())
FROM_PAGE = {"Input": messages.Input, "Command": messages.Command}
TYPES = vars(view) | vars(views)
DECLARED = {name: found for name, found in TYPES.items() if is_typeddict(found) and name != "Status"}
SCALARS = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}


def in_typescript(annotation: Any) -> str:
    """A Python annotation as the listing writes it: unions are sorted, other messages are named."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if annotation in SCALARS:
        return SCALARS[annotation]
    if origin in (Union, types.UnionType):
        return " | ".join(sorted({part for each in inside for part in in_typescript(each).split(" | ")}))
    if origin is Literal:
        return " | ".join(sorted(map(json.dumps, inside)))
    if origin is list:
        element = in_typescript(inside[0])
        return f"({element})[]" if " | " in element else f"{element}[]"
    if origin is tuple:
        return f"[{', '.join(map(in_typescript, inside))}]"
    if issubclass(annotation, tuple):  # a NamedTuple is a JSON list
        return f"[{', '.join(map(in_typescript, get_type_hints(annotation).values()))}]"
    assert is_typeddict(annotation), annotation
    return annotation.__name__


def test_server_and_page_know_the_same_messages():
    assert LISTING.keys() == DECLARED.keys() | FROM_PAGE.keys()


@pytest.mark.parametrize("name", DECLARED)
def test_a_message_to_the_page_has_the_fields_and_types_that_the_page_expects(name):
    assert {field: in_typescript(kind) for field, kind in get_type_hints(DECLARED[name]).items()} == LISTING[name]
    assert not DECLARED[name].__optional_keys__


@pytest.mark.parametrize("name", FROM_PAGE)
def test_a_message_from_the_page_has_the_fields_and_types_that_the_server_parses(name):
    """An action or a value may be anything here: the task decides what is valid."""
    declared = get_type_hints(FROM_PAGE[name])
    sent = {field: kind for field, kind in LISTING[name].items() if field != "kind"}
    assert sent.keys() == declared.keys() == messages.FIELDS[name.lower()]
    for field, kind in declared.items():
        assert kind is Any or in_typescript(kind) == sent[field]


def conforms(value: Any, annotation: Any) -> bool:
    """Whether a value, read from JSON, is of a declared type."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if annotation is float:
        return type(value) in (int, float)
    if annotation in SCALARS:
        return type(value) is annotation
    if origin in (Union, types.UnionType):
        return any(conforms(value, each) for each in inside)
    if origin is Literal:
        return value in inside
    if origin is list:
        return isinstance(value, list) and all(conforms(each, inside[0]) for each in value)
    if is_typeddict(annotation):
        hints = get_type_hints(annotation)
        if not isinstance(value, dict) or value.keys() != hints.keys():
            return False
        return all(conforms(value[field], kind) for field, kind in hints.items())
    parts = inside or tuple(get_type_hints(annotation).values())
    return isinstance(value, list) and len(value) == len(parts) and all(map(conforms, value, parts))


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (True, int),
        (1.5, int),
        ("1", float),
        (None, str),
        ([1, "a"], list[int]),
        ([1.0, 2.0], tuple[float, float, float]),
        ([0, 0, 0, 0, 0], Held),
        ("going", views.Phase),
        ({"kind": "refused"}, views.Refusal),
        ({"kind": "refused", "reason": "", "more": 1}, views.Refusal),
        ({"kind": "view", "reason": ""}, views.Refusal),
    ],
)
def test_the_comparison_notices(value, annotation):
    assert not conforms(value, annotation)


def plain(message: Any) -> Any:
    return json.loads(json.dumps(message, allow_nan=False))


def test_a_session_sends_what_is_declared(tmp_path):
    """In all phases, of two rounds with takeovers."""
    told = []

    class Listener(Person):
        def __call__(self, session):
            if not self.started:
                put = session.latest_view.put
                session.latest_view.put = lambda view: (put(view), told.append(plain(view)))
            super().__call__(session)

    person = Listener(lambda _, step: {"engaged": step % 4 > 1, "action": 1 if step % 4 > 1 else None})
    session = sit(tmp_path / "run", person, spec(rounds=2))
    assert conforms(plain(session.hello()), views.Hello)
    assert [view for view in told if not conforms(view, views.View)] == []
    assert {view["phase"] for view in told} >= {"supervising", "learning", "finished"}
    assert any(view["last"] for view in told)
    assert any(view["progress"] for view in told)
    assert any(view["rounds"] for view in told)


@pytest.mark.parametrize("name", TASKS)
def test_the_pictures_of_a_task_are_as_declared(name):
    definition = TASKS[name]
    environment = definition.task.make()
    environment.reset(seed=1)
    assert conforms(plain(task_view_of(environment, definition).still()), view.Picture)


def test_a_rendered_picture_is_as_declared():
    painted = types.SimpleNamespace(render_mode="rgb_array", render=lambda: np.full((20, 30, 3), 90, np.uint8))
    shown = RenderedView(painted, discrete_controls(["left", "right"]), 5.0)
    assert conforms(plain(shown.still()), view.ImagePicture)
