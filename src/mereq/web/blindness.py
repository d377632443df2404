"""What the page is told of a blind run: nothing that tells methods apart."""

from mereq.web.views import Hello, RoundSummary, View


def blinded(view: View) -> View:
    """A view without theta, which imitation does not infer, without what follows from it, and without the course of
    the learning: a method shows by how many steps it takes, and by how long."""
    rounds: list[RoundSummary] = [
        {"rate": each["rate"], "samples": each["samples"], "theta": [], "waited": 0.0} for each in view["rounds"]
    ]
    return {**view, "rounds": rounds, "residual": None, "progress": None}


def blinded_hello(hello: Hello) -> Hello:
    """The greeting without features: there will be no weights to show."""
    return {**hello, "features": []}
