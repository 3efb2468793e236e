"""Event frames: integration (eq. 1), the HDF5 store, and the frames that a run sees."""
