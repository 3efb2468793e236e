"""One thin script a DVC stage: its file of the plan -> settings -> one call -> files."""

import sys

from pipeline.runtime import waiting

# Here, for a package is loaded before the script in it, and so before torch.
if sys.orig_argv[1:2] == ["-m"] and sys.orig_argv[2].startswith("stages.train_"):
    waiting.choose()
