"""Processor cores that this process may use, and the machine's memory.

Systems without an affinity, such as macOS, offer all cores they have.
"""

import os


def usable_cores() -> tuple[int, ...]:
    """Numbers of the cores that this process may run on, ascending; at least one."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def physical_memory() -> float:
    """Memory of this machine [bytes]; infinite where the system does not report it."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError):
        return float("inf")


def keep_to_core(core: int) -> None:
    """Restrict this process to one core, on a system that can; on others do nothing."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
