"""Measurement of own rates during a run: of every policy that has learned something, at the end of an episode."""

from collections.abc import Generator
from contextlib import ExitStack, closing
from functools import partial

from mereq.alignment.algorithm import Event, Round
from mereq.alignment.schedule import PolicyVersion
from mereq.core.simulator import close
from mereq.evaluation.own_rate import own_rate
from mereq.interventions.rollout import SupervisedStep
from mereq.presets.registry import definition_of
from mereq.runs.policies import policy_of, task_of
from mereq.runs.spec import RunSpec
from mereq.store.run_store import OwnRate
from mereq.store.run_writer import RunWriter


def measured(stream: Generator[Event, None, None], spec: RunSpec, writer: RunWriter) -> Generator[Event, None, None]:
    """The same events; own rates are measured and recorded where the specification asks for them.

    A policy that was published within a round is measured when its episode is over, so that each episode has at most
    one measurement.
    """
    if not spec.own_rate_steps:
        yield from stream
        return
    definition, log = definition_of(spec.task), writer.start.log
    steps, expert = log.steps, log.expert_steps
    for recorded in writer.start.recorded:
        steps, expert = steps + len(recorded), expert + sum(int(step.controller) for step in recorded)
    supervisor = definition.make_supervisor(partial(policy_of, spec, "expert"), spec.supervision)
    environment = task_of(spec).make()
    done = max((each.supervised_steps for each in writer.own_rates()), default=0)
    newest = next((each.policy for each in writer.start.published[-1:] if each.learned_from > done), None)

    def measure() -> None:
        nonlocal newest
        if newest is not None:
            n, seed = spec.own_rate_steps, spec.seed
            rate = own_rate(task_of(spec), newest, supervisor, environment, n_steps=n, seed=seed)
            writer.add_own_rate(OwnRate(steps, expert, rate))
        newest = None

    with closing(stream), ExitStack() as ending:
        ending.callback(close, environment)
        for event in stream:
            if isinstance(event, SupervisedStep):
                if event.step == 0:
                    measure()
                steps, expert = steps + 1, expert + int(event.controller)
            elif isinstance(event, PolicyVersion) or (isinstance(event, Round) and event.progress):
                newest = event.policy
            if isinstance(event, Round):
                measure()
            yield event
