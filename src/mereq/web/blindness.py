"""Views of a blind run, without anything that reveals the method."""

from mereq.web.views import Hello, RoundSummary, View


def blinded(view: View) -> View:
    """The view without theta, the residual reward, the beliefs, and the progress of learning.

    Imitation infers no theta, and the number and duration of learning steps differ between methods.
    """
    rounds: list[RoundSummary] = [
        {"rate": each["rate"], "samples": each["samples"], "theta": [], "waited": 0.0} for each in view["rounds"]
    ]
    return {**view, "rounds": rounds, "residual": None, "progress": None, "beliefs": None}


def blinded_hello(hello: Hello) -> Hello:
    """The first message without features, since no weights are shown, and without ghost and replays."""
    return {**hello, "features": [], "foresees": False, "replays": False}
