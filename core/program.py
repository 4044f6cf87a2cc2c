"""Where the program is: its own files, the folder that its data is kept in, and which build it is.

The program runs from a checkout, or from one file (`./run build`), which unpacks itself into a cache before it starts.
"""

import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zipimport import zipimporter

# The folder with core, sql, schemas and web. Of a program in one file it is in a cache, which may be deleted: no data is kept there.
CODE = Path(__file__).resolve().parent.parent


def _archive() -> Path | None:
    """The one file that runs; None: a checkout."""
    loader = getattr(sys.modules["__main__"], "__loader__", None)
    return Path(loader.archive).resolve() if isinstance(loader, zipimporter) else None


# What was started: server.py, or the one file.
FILE = _archive() or CODE / "server.py"
# What a person types before the name of a command; messages that name a command begin with it.
STARTED = FILE.name if _archive() else "./run"
# `.env` is here and, unless settings say otherwise, the data.
FOLDER = FILE.parent


@dataclass(frozen=True)
class Build:
    """What a program in one file was made of, and what it needs."""

    # The hash of its content.
    id: str
    # The oldest release of its minor version of Python that it runs on, such as 3.11.3.
    python: str
    # Such as Linux x86_64.
    machine: str
    # The end of the names of compiled modules, such as .cpython-311-x86_64-linux-gnu.so.
    suffix: str
    # The oldest glibc that the compiled modules run on; (0, 0): there is no glibc on this system.
    glibc: tuple[int, int]
    # It brings the embedded Postgres and Redis.
    has_demo: bool

    @property
    def minor(self) -> str:
        """The minor version of Python, such as 3.11."""
        return self.python.rpartition(".")[0]


@cache
def build() -> Build | None:
    """The build that runs; None: a checkout. core/release/__main__.py writes what is read here."""
    try:
        text = (CODE / "build.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return Build(**json.loads(text))
