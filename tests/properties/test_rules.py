"""Appendix A's rules: the engine against a reference that looks back over the whole history at every step."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mereq.supervision.rules import Rule, RuleEngine, Trigger
from toys import EXPERT, POLICY

N_CONDITIONS = 4  # a judged step is so many booleans: conditions 0 and 1 may engage, 2 and 3 disengage


def trigger(condition: int, consecutive: int) -> Trigger:
    return Trigger(lambda step: step[condition], consecutive)


def rule_of(engage, disengage, min_hold, longer) -> Rule:
    return Rule(
        engage=tuple(trigger(i, n) for i, n in enumerate(engage)),
        disengage=tuple(trigger(2 + i, n) for i, n in enumerate(disengage)),
        min_hold=min_hold,
        max_hold=None if longer is None else min_hold + longer,
    )


consecutive = st.integers(1, 5)
numbers = st.tuples(  # for `rule_of`; the rule itself is made in the test, because beartype draws random items
    st.lists(consecutive, min_size=1, max_size=2),
    st.lists(consecutive, max_size=2),
    st.integers(1, 5),
    st.none() | st.integers(0, 5),
)
steps = st.sampled_from(list(itertools.product([True, False], repeat=N_CONDITIONS)))
histories = st.lists(steps, max_size=3) | st.lists(steps, min_size=30, max_size=50)


def judged_by(engine: RuleEngine, history) -> list:
    engine.reset()
    return [engine.judge(step) for step in history]


def reference(rule: Rule, history) -> list:
    """Controller of each step, computed from scratch: all steps since the last change of control are judged again."""
    who = []
    for now in range(len(history)):
        present = who[-1] if who else POLICY
        held = 0  # steps executed under the present controller, up to now
        while held < len(who) and who[-1 - held] is present:
            held += 1
        ever_changed = held < len(who) or present is EXPERT
        # the step at which control changed was judged under the controller before: it counts for no trigger
        since = [*history[now - held + 1 : now], history[now]] if ever_changed else history[: now + 1]
        triggers = rule.engage if present is POLICY else rule.disengage
        fires = any(
            len(since) >= t.consecutive and all(t.condition(step) for step in since[len(since) - t.consecutive :])
            for t in triggers
        )
        if present is POLICY:
            who.append(EXPERT if fires else POLICY)
        elif (rule.max_hold is not None and held >= rule.max_hold) or (fires and held >= rule.min_hold):
            who.append(POLICY)
        else:
            who.append(EXPERT)
    return who


def interventions(who) -> list[tuple[int, int]]:
    """First step and length of each stretch under the expert."""
    starts = [t for t, c in enumerate(who) if c is EXPERT and (t == 0 or who[t - 1] is POLICY)]
    ends = [next((t for t in range(s, len(who)) if who[t] is POLICY), len(who)) for s in starts]
    return [(s, e - s) for s, e in zip(starts, ends, strict=True)]


@settings(max_examples=300)
@given(numbers, histories)
def test_engine_equals_the_reference(numbers, history):
    rule = rule_of(*numbers)
    assert judged_by(RuleEngine(rule), history) == reference(rule, history)


@given(numbers, histories)
def test_never_engages_early(numbers, history):
    """Before every takeover some condition held for its full number of steps, all of them under the policy."""
    rule = rule_of(*numbers)
    who = judged_by(RuleEngine(rule), history)
    for start, _ in interventions(who):
        assert any(
            start + 1 >= t.consecutive
            and all(t.condition(step) for step in history[start + 1 - t.consecutive : start + 1])
            and EXPERT not in who[start + 1 - t.consecutive : start]
            for t in rule.engage
        )


@given(numbers, histories)
def test_holds_are_neither_too_short_nor_too_long(numbers, history):
    """Only the end of the episode may cut an intervention shorter than min_hold."""
    rule = rule_of(*numbers)
    who = judged_by(RuleEngine(rule), history)
    for start, length in interventions(who):
        assert length >= rule.min_hold or start + length == len(who)
        assert rule.max_hold is None or length <= rule.max_hold


@given(numbers, histories, histories)
def test_a_reset_forgets_everything(numbers, before, after):
    rule = rule_of(*numbers)
    engine = RuleEngine(rule)
    judged_by(engine, before)
    assert judged_by(engine, after) == judged_by(RuleEngine(rule), after)


def test_a_hold_of_exactly_five_steps():
    """A.1.3's rule: engages after 5 steps, lasts 5, whatever happens meanwhile, and then needs 5 steps again."""
    rule = Rule(engage=(trigger(0, 5),), disengage=(), min_hold=5, max_hold=5)
    who = judged_by(RuleEngine(rule), [(True,)] * 20)
    assert interventions(who) == [(4, 5), (14, 5)]


def test_any_trigger_suffices():
    """A.1.4's shape: 5 steps of one condition, or 10 of another."""
    rule = Rule(engage=(trigger(0, 5), trigger(1, 10)), disengage=(trigger(0, 1),))
    assert interventions(judged_by(RuleEngine(rule), [(True, False)] * 5)) == [(4, 1)]
    assert interventions(judged_by(RuleEngine(rule), [(False, True)] * 10)) == [(9, 1)]
    alternating = [(t % 2 == 0, t % 2 == 1) for t in range(30)]  # neither condition ever holds for long
    assert interventions(judged_by(RuleEngine(rule), alternating)) == []


@pytest.mark.parametrize(("min_hold", "max_hold"), [(0, None), (5, 4)])
def test_impossible_holds(min_hold, max_hold):
    with pytest.raises(ValueError, match="min_hold <= max_hold"):
        Rule(engage=(), disengage=(), min_hold=min_hold, max_hold=max_hold)


def test_impossible_trigger():
    with pytest.raises(ValueError, match="must be at least 1 in number"):
        trigger(0, 0)


def test_a_rule_without_holds_may_hand_back_after_one_step():
    """Least durations are one step by default, and there is no greatest one."""
    rule = Rule(engage=(trigger(0, 1),), disengage=(trigger(1, 1),))
    assert (rule.min_hold, rule.max_hold) == (1, None)
    assert interventions(judged_by(RuleEngine(rule), [(True, False), (False, True), (False, False)])) == [(0, 1)]
    assert interventions(judged_by(RuleEngine(rule), [(True, False)] * 100)) == [(0, 100)]


def test_the_engine_starts_with_the_policy_and_without_a_reset():
    engine = RuleEngine(Rule(engage=(trigger(0, 2),), disengage=()))
    assert engine.controller is POLICY
    assert [engine.judge((True,)) for _ in range(2)] == [POLICY, EXPERT]
    engine.reset()
    assert engine.controller is POLICY
