"""The simulated camera: pictures, moved before a pixel model, become recordings of events."""
