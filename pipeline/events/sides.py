"""The sides of a split, as numbers: a module of its own, so that who trains need not depend on the readers."""

TRAIN, TEST, VALIDATION = 0, 1, 2
