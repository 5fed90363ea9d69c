"""Each runs as a file or as ``python -m benchmarks.NAME``; either way its neighbours are on the path.

What is called like a package of ours lies in ``modules``, where it hides none.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE))
__path__.append(str(_HERE / "modules"))
