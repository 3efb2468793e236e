"""Memory that is freed stays with the process, so that the next training step need not fault it in again."""

from __future__ import annotations

import ctypes

# Parameters of glibc's mallopt, from malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
# The heap's top is given back only beyond this many bytes: the largest that mallopt takes.
NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Have glibc serve large blocks from the heap and keep what is freed; say whether that took effect.

    By default glibc maps each large tensor anew and unmaps it when it is freed. On a CPU the page faults of that cost
    up to a third of a training step. Peak memory stays that of the largest step. Without glibc nothing changes.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, NEVER))
