"""The twenty clearances of the node's tests, for the tests of the port too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "node"))
