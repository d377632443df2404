"""Processor cores that this process may use, and the machine's memory.

Systems without an affinity, such as macOS, offer all cores they have.
"""

import os
import sys
import threading
from contextlib import suppress

LOWER = 5  # by which a thread's niceness rises when it gives way


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


def lower_priority() -> None:
    """Let this thread, and those that it starts, give way to others, on Linux; elsewhere do nothing."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + LOWER)
