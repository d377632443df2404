"""Mutation testing of the rooms that every result depends on: change one thing in a source file, run its tests.

    python tests/mutation.py --log mutation.jsonl                 # all files; resumes an unfinished log
    python tests/mutation.py --log mutation.jsonl --only irl      # files whose path contains "irl"
    python tests/mutation.py --log mutation.jsonl --report        # table of scores and list of survivors, in Markdown

A mutant is killed when a test of its file fails (or does not end in time), and survives when all of them pass. Each
mutant runs in a fork of a process that has imported the third-party libraries, on a copy of the checkout.

Operators: comparisons, arithmetic, `and`/`or`/`not`, numbers +1 and -1, True/False, negated conditions, `return None`,
removed calls, raises and assignments to attributes and elements. Not mutated: annotations, decorators, docstrings,
strings (messages), and the `strict=` of `zip`, which only guards against mistakes elsewhere.
"""

import argparse
import ast
import copy
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
P, E = "tests/properties", "tests/equations"
TESTS = {  # source file: the test files that hold it to its contract, quick ones first
    "core/actions": [f"{P}/test_actions.py", f"{P}/test_replay.py"],
    "core/distribution": [f"{P}/test_distribution.py", f"{P}/test_actions.py", f"{E}/test_eq1_boltzmann.py"],
    "core/policy": [
        f"{P}/test_user_mistakes.py",
        f"{P}/test_continuous_mistakes.py",
        "tests/priors/test_function_policies.py",
        "tests/borders/test_instances.py",
    ],
    "core/reward": [f"{P}/test_replay.py", f"{E}/test_eq3_4_maxent_irl.py"],
    "core/seeding": [f"{P}/test_seeding.py"],
    "core/supervisor": [f"{P}/test_intervention_log.py", f"{P}/test_supervise.py"],
    "core/task": [f"{P}/test_user_mistakes.py"],
    "interventions/log": [
        f"{P}/test_intervention_log.py",
        f"{P}/test_segments.py",
        f"{E}/test_section_5_3_pseudo_expert.py",
    ],
    "interventions/rollout": [
        f"{P}/test_intervention_log.py",
        f"{P}/test_segments.py",
        f"{E}/test_algorithm1_intervention_rate.py",
    ],
    "interventions/segments": [f"{P}/test_segments.py", f"{E}/test_section_5_3_pseudo_expert.py"],
    "irl/ascent": [f"{E}/test_natural_ascent.py"],
    "irl/estimators": [f"{E}/test_eq7_from_segment_starts.py"],
    "irl/expectation": [f"{E}/test_eq6_8_residual_gradient.py"],
    "irl/feature_counts": [f"{P}/test_feature_counts.py"],
    "irl/gradient": [f"{P}/test_feature_counts.py", f"{E}/test_eq6_8_residual_gradient.py"],
    "supervision/divergence": [f"{E}/test_app_a1_divergence_rule.py"],
    "supervision/interruption": [f"{P}/test_interruption.py"],
    "supervision/noise": [f"{P}/test_noise.py"],
    "supervision/paced": [f"{P}/test_paced.py"],
    "supervision/robot_environment": [f"{P}/test_robot_environment.py", f"{P}/test_safety_monitor.py"],
    "supervision/rules": [f"{P}/test_rules.py", "tests/borders/test_instances.py", "tests/borders/test_situations.py"],
    "supervision/safety_monitor": [f"{P}/test_safety_monitor.py", f"{P}/test_robot_environment.py"],
    "supervision/supervise": [
        f"{P}/test_supervise.py",
        f"{P}/test_robot_environment.py",
        f"{P}/test_user_mistakes.py",
    ],
    "supervision/synthesized": [
        f"{P}/test_measurement_expert.py",
        f"{E}/test_app_a1_divergence_rule.py",
        f"{P}/test_user_mistakes.py",
        "tests/borders/test_instances.py",
    ],
    "maxent_rl/boltzmann": [f"{E}/test_eq1_boltzmann.py", f"{E}/test_eq2_residual_q.py"],
}

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


def variants(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What one node can be replaced by, each with the operator's name."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield "comparison", ast.Compare(node.left, [COMPARISONS[type(node.ops[0])](), *node.ops[1:]], node.comparators)
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        yield "arithmetic", ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)
    elif isinstance(node, ast.AugAssign) and type(node.op) in ARITHMETIC:
        yield "arithmetic", ast.AugAssign(node.target, ARITHMETIC[type(node.op)](), node.value)
        yield "removed statement", ast.Pass()
    elif isinstance(node, ast.BoolOp):
        yield "boolean", ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield "boolean" if isinstance(node.op, ast.Not) else "arithmetic", node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "constant", ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield "constant", ast.Constant(node.value + 1)
        yield "constant", ast.Constant(node.value - 1)
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        changed = copy.copy(node)
        changed.test = ast.UnaryOp(ast.Not(), node.test)
        yield "condition", changed
    elif isinstance(node, ast.Return) and node.value is not None:
        yield "return None", ast.Return(ast.Constant(None))
    elif _is_removable(node):
        yield "removed statement", ast.Pass()


def _is_removable(node: ast.AST) -> bool:
    """Whether a statement raises, only calls, or assigns to attributes and elements alone."""
    if isinstance(node, ast.Assign):
        return all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets)
    return isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))


def mutated_fields(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    """The children of a node that may be mutated: none of annotations, decorators, messages."""
    skipped = {"annotation", "returns", "decorator_list", "bases"}
    if isinstance(node, ast.JoinedStr | ast.Raise) or (isinstance(node, ast.keyword) and node.arg == "strict"):
        return  # the words of a message; a raise is removed as a whole
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id[0].isupper():
        return  # a type, such as Float[np.ndarray, "n"]
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.istitle():
        return  # a type alias
    for name, value in ast.iter_fields(node):
        if name in skipped:
            continue
        for position, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST):
                yield name, position if isinstance(value, list) else None, child


def places(node: ast.AST, path: tuple = ()) -> Iterator[tuple]:
    """Paths of all nodes that may be mutated, in the order of the source."""
    yield path
    for name, position, child in mutated_fields(node):
        yield from places(child, (*path, (name, position)))


def found_at(tree: ast.AST, path: tuple) -> ast.AST:
    """The node at a path."""
    for name, position in path:
        tree = getattr(tree, name) if position is None else getattr(tree, name)[position]
    return tree


class Mutant(NamedTuple):
    """One changed source file."""

    function: str  # qualified name of the function or class that the change is in
    operator: str
    change: str  # what became what
    occurrence: int  # among equal changes of the function, in the order of the source
    line: int
    source: str

    def key(self) -> tuple[str, str, str, int]:
        """What stays when other lines of the file change."""
        return self[:4]


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a source file."""
    original = ast.parse(source)
    seen: Counter[tuple] = Counter()
    for path in places(original):
        node = found_at(original, path)
        for operator, variant in variants(node):
            tree = copy.deepcopy(original)
            (name, position), parent = path[-1], found_at(tree, path[:-1])
            if position is None:
                setattr(parent, name, variant)
            else:
                getattr(parent, name)[position] = variant
            around = [found_at(original, path[:n]) for n in range(len(path))]
            function = ".".join(part.name for part in around if isinstance(part, ast.FunctionDef | ast.ClassDef))
            what = function, operator, f"{_words(node)} -> {_words(variant)}"
            yield Mutant(*what, seen[what], node.lineno, ast.unparse(ast.fix_missing_locations(tree)))
            seen[what] += 1


def _words(node: ast.AST) -> str:
    """The first line of a node's source, or of its condition's."""
    if isinstance(node, ast.If | ast.While):
        return ast.unparse(node.test)
    return ast.unparse(copy.deepcopy(node)).splitlines()[0][:110]


def preload() -> None:
    """Import what every mutant's tests import, but not the package itself."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    import beartype
    import gymnasium
    import hypothesis.extra.numpy
    import jax.numpy
    import jaxtyping
    import optax
    import pytest
    import scipy.optimize
    import scipy.stats

    assert all((beartype, gymnasium, hypothesis, jax, jaxtyping, optax, pytest, scipy))


def outcome(
    checkout: Path, tests: list[str], *, limit: float, hang: float, write_bytecode: bool = False
) -> tuple[str, float]:
    """ "passed", "failed" or "too long" of these tests in a fork, and the seconds that they took."""
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        _run_tests(checkout, tests, hang, write_bytecode)
    while time.monotonic() - start < limit:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "passed" if status == 0 else "failed", time.monotonic() - start
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "too long", time.monotonic() - start


def _run_tests(checkout: Path, tests: list[str], hang: float, write_bytecode: bool) -> None:
    """Run pytest and leave the process with its status."""
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.chdir(checkout)
    os.environ["PYTHONPATH"] = str(checkout / "src")  # of the programs that tests start
    sys.dont_write_bytecode = not write_bytecode
    sys.path[:] = [
        *(str(checkout / part) for part in ("src", "tests/helpers")),
        *(entry for entry in sys.path if Path(entry or ".").resolve() != ROOT / "src"),
    ]
    status = 3
    try:
        import pytest

        import waiting

        waiting.HANG = hang
        _find_without_shrinking()
        preloaded = "ignore::pytest.PytestAssertRewriteWarning"
        status = int(pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-W", preloaded, *tests]))
    finally:
        os._exit(status)


def _find_without_shrinking() -> None:
    """Let Hypothesis stop at the first failing example: a mutant is killed by any."""
    from hypothesis import Phase, settings

    register, phases = settings.register_profile, [Phase.explicit, Phase.generate]

    def quick(name: str, **how: object) -> None:
        register(name, phases=phases, report_multiple_bugs=False, **how)

    type.__setattr__(settings, "register_profile", staticmethod(quick))  # its metaclass allows no assignment


def copied(folder: Path) -> Path:
    """A copy of what the tests need of the checkout."""
    checkout = folder / "checkout"
    for part in ("src", "tests", "benchmarks", "docs", "examples"):
        shutil.copytree(ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    shutil.copy(ROOT / "pyproject.toml", checkout)
    return checkout


def run(log: Path, only: str, hang: float) -> None:
    """Run every mutant that is not in the log yet, and append its result."""
    known = set(read(log))
    preload()
    with tempfile.TemporaryDirectory() as folder:
        checkout = copied(Path(folder))
        for file, tests in TESTS.items():
            if only in file:
                _run_file(checkout, file, tests, log, known, hang)


def _run_file(checkout: Path, file: str, tests: list[str], log: Path, known: set[tuple], hang: float) -> None:
    """The mutants of one file."""
    path = checkout / "src/mereq" / f"{file}.py"
    source = path.read_text()
    waiting = [mutant for mutant in mutants(source) if (file, *mutant.key()) not in known]
    if not waiting:
        return
    outcome(checkout, tests, limit=900.0, hang=900.0, write_bytecode=True)  # compiles
    result, usual = outcome(checkout, tests, limit=900.0, hang=hang)
    if result != "passed":
        raise SystemExit(f"The tests of {file} do not pass without a mutation ({result}): {' '.join(tests)}")
    print(f"{file}: {len(waiting)} mutants, {usual:.1f} s for all of its tests", flush=True)
    for number, mutant in enumerate(waiting):
        path.write_text(mutant.source)
        os.utime(path, (number, number))  # no compiled module has this time
        result, seconds = outcome(checkout, tests, limit=30.0 + 10.0 * usual, hang=hang)
        with log.open("a") as out:
            out.write(json.dumps([file, *mutant.key(), result, round(seconds, 1)]) + "\n")
    path.write_text(source)


def read(log: Path) -> dict[tuple, str]:
    """Results by file and mutant."""
    lines = log.read_text().splitlines() if log.exists() else []
    return {tuple(record[:-2]): record[-2] for record in map(json.loads, lines)}


def report(log: Path) -> None:
    """Print the score of each file, and its survivors, in Markdown."""
    results = read(log)
    print("| file | mutants | not run | killed | survived | score |\n|---|---|---|---|---|---|")
    survivors, sums = [], Counter()
    for file in TESTS:
        planned = list(mutants((ROOT / "src/mereq" / f"{file}.py").read_text()))
        found = [results.get((file, *mutant.key()), "not run") for mutant in planned]
        survivors += [(file, mutant) for mutant, result in zip(planned, found, strict=True) if result == "passed"]
        print(_row(f"`{file}.py`", counts := Counter(found)))
        sums += counts
    print(_row("all", sums), end="\n\n")
    for file, mutant in survivors:
        print(f"- `{file}.py`, line {mutant.line}, `{mutant.function}`, {mutant.operator}: `{mutant.change}`")


def _row(name: str, counts: Counter[str]) -> str:
    """A row of the table of scores."""
    killed, survived = counts["failed"] + counts["too long"], counts["passed"]
    score = f"{100 * killed / (killed + survived):.1f} %" if killed + survived else ""
    return f"| {name} | {counts.total()} | {counts['not run']} | {killed} | {survived} | {score} |"


def main() -> None:
    """Run or report."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--log", type=Path, required=True)
    words.add_argument("--only", default="")
    words.add_argument("--hang", type=float, default=60.0, help="bound of what a test waits for [s]; tests' own is 600")
    words.add_argument("--report", action="store_true")
    given = words.parse_args()
    if given.report:
        report(given.log)
    else:
        run(given.log, given.only, given.hang)


if __name__ == "__main__":
    main()
