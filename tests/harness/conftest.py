"""What lets the tests of this folder share code."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for `storage` and `grids`, as tests are no package
