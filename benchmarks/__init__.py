"""Each runs as a file or as ``python -m benchmarks.NAME``; either way its neighbours are on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
