"""Imported for its effect, before anything of ours: the bytecode of a test run is kept.

Where PYTHONDONTWRITEBYTECODE is set, each worker of pytest and each program that a test starts would compile all sources again,
which takes 2 to 7 s of CPU time. They keep the bytecode with the virtual environment instead, outside the source tree.
"""

import os
import sys
from pathlib import Path

if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(Path(sys.prefix) / "bytecode")
    sys.dont_write_bytecode = False
