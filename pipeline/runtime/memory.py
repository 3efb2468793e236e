"""Memory that is freed stays with the process, so that the next step or recording need not fault it in again."""

from __future__ import annotations

import ctypes

# Parameters of glibc's mallopt, from malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
# The heap's top is given back only beyond this many bytes: the largest that mallopt takes.
NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Have glibc serve large blocks from the heap and keep what is freed; say whether that took effect.

    By default glibc maps large blocks anew and unmaps them when they are freed, and the page faults cost as much as the
    arithmetic: up to a third of a training step on a CPU, half the time of a recording that is read and integrated.
    The process stays as large as its largest step. Without glibc nothing changes.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, NEVER))
