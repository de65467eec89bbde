"""The package of the long runs, which is not on the path when pytest is started by its own name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
