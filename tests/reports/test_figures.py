"""Pictures of studies: they are drawn for every kind of study, without a warning, the same each time."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib import rc_context
from PIL import Image

from mereq.reports.figures import study_figure, theta_figure
from mereq.reports.figures.style import condition_styles
from mereq.reports.summary import Condition, outcomes
from study_runs import kappa_study, methods_study, run

pytestmark = pytest.mark.paper("Fig. 2 rates and expert samples")

STUDIES = {
    "methods": methods_study(),
    "two tasks": methods_study(("highway", "erasing"), methods=("mereq", "maxent"), seeds=2),
    "ablation": kappa_study(),
    "one run": [run("mereq", 0, [0.3, 0.1])],
    "stopped early, unknown method": [run("mine", 0, [0.3]), run("mine", 1, [0.3, 0.2])],
    "no expert samples": [run("mereq", 0, [0.0]), run("mereq", 1, [0.0])],
}


@pytest.mark.parametrize("runs", STUDIES.values(), ids=STUDIES)
def test_figure_2_is_drawn(tmp_path, runs):
    study_figure(runs, outcomes(runs), tmp_path / "figure2.png")
    with Image.open(tmp_path / "figure2.png") as picture:
        assert picture.width >= 900
        assert len(picture.convert("RGB").getcolors(2**20)) > 50


def test_the_same_study_is_the_same_picture(tmp_path):
    runs = STUDIES["one run"]
    for name in ("one", "two"):
        study_figure(runs, outcomes(runs), tmp_path / f"{name}.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_settings_of_matplotlib_do_not_matter(tmp_path):
    runs = STUDIES["one run"]
    study_figure(runs, outcomes(runs), tmp_path / "own.png")
    with rc_context({"font.size": 30, "lines.linewidth": 9, "figure.facecolor": "red", "savefig.bbox": "tight"}):
        study_figure(runs, outcomes(runs), tmp_path / "other.png")
    assert (tmp_path / "own.png").read_bytes() == (tmp_path / "other.png").read_bytes()


def test_damaged_settings_of_matplotlib_are_a_sentence(tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(b"\xff is not a text")
    program = "import mereq.core.errors as e\ntry: import mereq.reports.figures\nexcept e.CannotLoad as m: print(m)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert "a file matplotlibrc of this folder" in done.stdout, done.stderr


def test_weights_are_drawn_for_methods_that_have_them(tmp_path):
    theta_figure(
        methods_study(("highway", "erasing"), methods=("mereq", "iwr-ft"), seeds=2),
        tmp_path / "thetas.png",
        feature_names={"highway": ("collision", "high_speed", "right_lane")},
        difference={"highway": np.array([0, 0, 0.5])},
    )
    assert (tmp_path / "thetas.png").stat().st_size > 10_000


def test_a_method_keeps_its_colour():
    mereq, maxent = Condition("mereq", "", "fast"), Condition("maxent", "", "fast")
    assert condition_styles([mereq, maxent])[maxent] == condition_styles([maxent])[maxent]


def test_every_condition_has_its_own_look():
    for n in (2, 7, 12):
        conditions = [Condition("mereq", f"kappa {i}", "fast") for i in range(n)]
        assert len(set(condition_styles(conditions).values())) == n
