"""The paper's numbers: MEReQ (CoRL 2025), Tables 1 to 5. Mean and half width of the 95 % interval unless said."""

from typing import NamedTuple

METHODS = {
    "mereq": "MEReQ",
    "mereq-np": "MEReQ-NP",
    "maxent": "MaxEnt",
    "maxent-ft": "MaxEnt-FT",
    "hg-dagger-ft": "HG-DAgger-FT",
    "iwr-ft": "IWR-FT",
}
TASKS = {
    "highway": "Highway-Sim",
    "bottle-pushing": "Bottle-Pushing-Sim",
    "erasing": "Erasing-Sim",
    "pillow-grasping": "Pillow-Grasping-Sim",
    "highway-human": "Highway-Human",
    "bottle-pushing-human": "Bottle-Pushing-Human",
    "pillow-grasping-human": "Pillow-Grasping-Human",
    "erasing-human": "Erasing-Human",  # ours, not the paper's
}


class Reported(NamedTuple):
    """A number as the paper prints it."""

    mean: float
    ci95: float  # half width


def _line(methods: tuple[str, ...], *numbers: tuple[float, float]) -> dict[str, Reported]:
    return {method: Reported(*number) for method, number in zip(methods, numbers, strict=True)}


_ALL = tuple(METHODS)
_WITHOUT_NP = tuple(method for method in METHODS if method != "mereq-np")
_NOISY = ("mereq", "maxent-ft", "hg-dagger-ft", "iwr-ft")

# fmt: off
# Table 1: expert samples until the intervention rate is below delta, 8 seeds. By task and delta.
TABLE_1: dict[tuple[str, float], dict[str, Reported]] = {
    ("highway", 0.05): _line(_ALL, (1819, 456), (1990, 687), (4363, 1266), (4330, 1255), (1871, 183), (2284, 1039)),
    ("highway", 0.10): _line(_ALL, (1208, 254), (1043, 154), (2871, 1357), (1612, 673), (1754, 160), (1856, 1214)),
    ("highway", 0.15): _line(_ALL, (965, 100), (965, 37), (2005, 840), (1336, 468), (1458, 194), (1527, 930)),
    ("bottle-pushing", 0.05):
        _line(_ALL, (1707, 261), (3338, 1059), (5298, 2000), (2976, 933), (2519, 1459), (3554, 1118)),
    ("bottle-pushing", 0.10):
        _line(_ALL, (1613, 141), (2621, 739), (4536, 1330), (2636, 468), (1706, 785), (2280, 1273)),
    ("bottle-pushing", 0.15):
        _line(_ALL, (1604, 134), (2159, 717), (4419, 1306), (2618, 436), (1692, 787), (1290, 516)),
    ("erasing", 0.05): _line(_ALL, (925, 51), (989, 228), (8627, 3019), (1899, 2796), (1268, 827), (4236, 1670)),
    ("erasing", 0.10): _line(_ALL, (923, 45), (989, 228), (7965, 3610), (1899, 2796), (1258, 842), (3643, 2231)),
    ("erasing", 0.15): _line(_ALL, (923, 45), (989, 228), (7965, 3610), (1899, 2796), (1258, 842), (2968, 1934)),
    ("pillow-grasping", 0.05):
        _line(_ALL, (2848, 699), (3086, 672), (4992, 2375), (3188, 1360), (7699, 624), (9645, 1034)),
    ("pillow-grasping", 0.10):
        _line(_ALL, (2398, 470), (2807, 558), (4127, 2737), (2808, 1135), (6490, 1696), (9645, 1034)),
    ("pillow-grasping", 0.15):
        _line(_ALL, (2284, 332), (2564, 633), (3993, 2681), (2715, 913), (5427, 2170), (8879, 1960)),
}

# Table 2: expert samples of a person until the intervention rate is below 0.05, 3 trials. By task.
TABLE_2_DELTA = 0.05
TABLE_2: dict[str, dict[str, Reported]] = {
    "highway-human": _line(_WITHOUT_NP, (654, 174), (2482, 390), (1270, 440), (864, 194), (927, 237)),
    "bottle-pushing-human": _line(_WITHOUT_NP, (423, 107), (879, 56), (564, 35), (450, 105), (524, 130)),
    "pillow-grasping-human": _line(_WITHOUT_NP, (149, 20), (376, 123), (234, 141), (456, 126), (497, 301)),
}

# Table 3: Jensen-Shannon distance of each feature's distribution from the expert's, rate <= 0.1, 8 seeds.
# By task and feature.
TABLE_3: dict[tuple[str, str], dict[str, Reported]] = {
    ("bottle-pushing", "tip2bottle"):
        _line(_ALL, (.237, .032), (.265, .023), (.245, .022), (.250, .038), (.240, .017), (.302, .058)),
    ("bottle-pushing", "bottle2goal"):
        _line(_ALL, (.139, .005), (.194, .044), (.247, .046), (.238, .039), (.167, .033), (.236, .040)),
    ("bottle-pushing", "control_effort"):
        _line(_ALL, (.460, .018), (.479, .022), (.500, .026), (.505, .016), (.707, .006), (.654, .022)),
    ("bottle-pushing", "table_distance"):
        _line(_ALL, (.177, .021), (.219, .025), (.236, .029), (.210, .049), (.284, .080), (.308, .051)),
}

# Table 4: episode return under the expert's reward: mean and *standard deviation*. By task and policy.
TABLE_4: dict[tuple[str, str], tuple[float, float]] = {
    ("bottle-pushing", "expert"): (-115.9, 25.9),
    ("bottle-pushing", "mereq"): (-140.5, 30.8),
    ("bottle-pushing", "mereq-np"): (-184.7, 46.9),
    ("bottle-pushing", "maxent"): (-231.1, 52.9),
    ("bottle-pushing", "maxent-ft"): (-214.1, 36.7),
    ("bottle-pushing", "hg-dagger-ft"): (-157.5, 46.1),
    ("bottle-pushing", "iwr-ft"): (-228.1, 56.1),
}

# Table 5: expert samples to delta. By task, delta and the probability that an expert step is disturbed.
TABLE_5: dict[tuple[str, float, float], dict[str, Reported]] = {
    ("bottle-pushing", 0.10, 0.0): _line(_NOISY, (1613, 141), (2636, 468), (1706, 785), (2280, 1273)),
    ("bottle-pushing", 0.10, 0.1): _line(_NOISY, (1043, 420), (2228, 182), (3987, 1831), (11921, 1749)),
    ("bottle-pushing", 0.10, 0.5): _line(_NOISY, (1011, 315), (2612, 252), (3612, 1529), (11487, 3966)),
}
# fmt: on


def samples(task: str, method: str, delta: float, *, noise: float = 0.0) -> Reported | None:
    """Expert samples until the intervention rate is below delta: Tables 1, 2 and 5; None where the paper has none.

    noise: probability that an expert step is disturbed.
    """
    if noise:
        known = TABLE_5.get((task, delta, noise), {})
    elif delta == TABLE_2_DELTA and task in TABLE_2:
        known = TABLE_2[task]
    else:
        known = TABLE_1.get((task, delta), {})
    return known.get(method)


def feature_distance(task: str, method: str, feature: str, *, noise: float = 0.0) -> Reported | None:
    """Jensen-Shannon distance of a feature from the expert's: Table 3, which is without noise."""
    return None if noise else TABLE_3.get((task, feature), {}).get(method)


def episode_return(task: str, policy: str, *, noise: float = 0.0) -> tuple[float, float] | None:
    """Mean and standard deviation of the return of a method's policy, or of the "expert": Table 4, without noise."""
    return None if noise else TABLE_4.get((task, policy))


def has_behaviour(task: str) -> bool:
    """Whether Tables 3 and 4 are about this task."""
    return any(task == known for known, _ in TABLE_3)
