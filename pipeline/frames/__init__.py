"""Event frames: integration (eq. 1) and the HDF5 store."""

from pipeline.frames.integrate import integrate

__all__ = ["integrate"]
