"""Phase 1 and phase 2: losses, recipes, one loop, checkpoint and resume."""
