"""What the page may say is understood completely, or refused with a reason; nothing else can happen."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mereq.core.actions import Box, Discrete
from mereq.web.messages import Command, Input, Refused, parse

FIVE, VECTOR = Discrete(5), Box(3)
GOOD = {"kind": "input", "frame": 7, "sent": 1.5, "mode": "toggle", "engaged": True, "action": 3}


def said(**changes) -> str:
    return json.dumps(GOOD | changes)


def test_what_is_held():
    assert parse(said(), FIVE) == Input(7, 1.5, "toggle", True, 3)
    assert parse(said(action=None, mode="hold", engaged=False), FIVE) == Input(7, 1.5, "hold", False, None)
    vector = parse(said(action=[0, -1, 0.25]), VECTOR)
    assert isinstance(vector, Input)
    np.testing.assert_array_equal(vector.action, np.array([0, -1, 0.25], np.float32))
    assert vector.action.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("go", None),
        ("pause", "a pause"),
        ("release", "left"),
        ("retract", None),
        ("retract", [0, 3, 12]),
        ("keep", [2, 0, 0]),
        ("hand_back", None),
        ("pace", 2.5),
        ("ghost", None),
    ],
)
def test_commands(name, value):
    assert parse(json.dumps({"kind": "command", "name": name, "value": value}), FIVE) == Command(
        name, tuple(value) if isinstance(value, list) else value
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 2000, "not JSON"),
        ("x" * 3000, "at most 2048 characters"),
        ("[]", '"kind"'),
        ("null", '"kind"'),
        ('{"kind": ["input"]}', '"kind"'),
        ('{"kind": "input"}', "has the fields action, engaged, frame, mode, sent"),
        (said(extra=1), "has the fields"),
        (said(frame=-1), "frame"),
        (said(frame=True), "frame"),
        (said(frame=1.0), "frame"),
        (said(frame=2**60), "frame"),
        (said(sent=float("nan")), "sent"),
        (said(sent=float("inf")), "sent"),
        (said(sent="now"), "sent"),
        (said(sent=10**400), "sent"),
        (said(mode="both"), "toggle, hold"),
        (said(mode=[]), "toggle, hold"),
        (said(engaged=1), "engaged"),
        (said(action=5), "from 0 to 4"),
        (said(action=-1), "from 0 to 4"),
        (said(action=True), "from 0 to 4"),
        (said(action=1.0), "from 0 to 4"),
        (said(action=[0, 0, 0]), "from 0 to 4"),
        ('{"kind": "command", "name": "stop", "value": null}', "go, pause"),
        ('{"kind": "command", "name": [], "value": null}', "go, pause"),
        ('{"kind": "command", "name": "go", "value": 1}', "null"),
        ('{"kind": "command", "name": "pace", "value": 1000}', "between 0.2 and 20"),
        ('{"kind": "command", "name": "pace", "value": null}', "between 0.2 and 20"),
        ('{"kind": "command", "name": "pause", "value": null}', "short text"),
        ('{"kind": "command", "name": "keep", "value": null}', "whole number"),
        ('{"kind": "command", "name": "keep", "value": [0, 1]}', "whole number"),
        ('{"kind": "command", "name": "retract", "value": [0, 1, -1]}', "whole number"),
        ('{"kind": "command", "name": "retract", "value": [0, true, 1]}', "whole number"),
        ('{"kind": "command", "name": "retract", "value": 3}', "whole number"),
        (json.dumps({"kind": "command", "name": "pause", "value": "x" * 101}), "short text"),
        (json.dumps({"kind": "command", "name": "pause", "value": "a\nb"}), "short text"),
    ],
)
def test_what_is_refused_and_why(text, reason):
    with pytest.raises(Refused, match=reason.replace("[", r"\[")):
        parse(text, FIVE)


@pytest.mark.parametrize("action", [3, [0, 0], [0, 0, 0, 0], [0, 0, 1.01], [0, 0, None], [0, 0, float("nan")], [[0]]])
def test_vectors_that_are_refused(action):
    with pytest.raises(Refused, match="3 numbers between -1 and 1"):
        parse(said(action=action), VECTOR)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@given(
    st.text()
    | anything.map(json.dumps)
    | st.builds(lambda name, value: said(**{name: value}), st.sampled_from(sorted(GOOD)), anything)
)
@example('{"kind": "input", "kind": "command"}')
def test_nothing_else_can_happen(text):
    for actions in (FIVE, VECTOR):
        with contextlib.suppress(Refused):
            assert isinstance(parse(text, actions), Input | Command)
