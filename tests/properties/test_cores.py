"""Usable cores, also on systems that have no affinity."""

import os

import pytest

from mereq.core.cores import keep_to_core, usable_cores


def test_the_cores_of_this_process():
    cores = usable_cores()
    assert cores
    assert list(cores) == sorted(set(cores))


@pytest.mark.parametrize(("count", "cores"), [(3, (0, 1, 2)), (None, (0,))])
def test_a_system_without_affinity_offers_all_cores(monkeypatch, count, cores):
    for name in ("sched_getaffinity", "sched_setaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    assert usable_cores() == cores
    keep_to_core(0)  # does nothing
