"""An update is compiled for its first batches, and not again until their shape changes."""


def assert_compiles_once(learner, equal, state, batches, traces: list) -> None:
    """Same shapes, other values, another learner of equal settings, a state from a checkpoint: nothing is traced.

    traces: grows whenever either learner is traced for compilation.
    """
    traces.clear()
    state, _ = learner.update(state, batches(0))
    first = len(traces)
    assert first > 0
    for seed in range(1, 4):
        state, _ = learner.update(state, batches(seed))
    equal.update(state.from_arrays(state.arrays()), batches(4))
    assert len(traces) == first
    learner.update(state, batches(5, n_updates=4))  # another shape does compile: the counter counts
    assert len(traces) > first
