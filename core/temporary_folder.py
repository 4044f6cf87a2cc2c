"""Temporary folders that don't stay when their process is killed: the next one to need such a folder removes what is left.

A folder is locked while it is in use, so that it can be told from one whose process was killed, and so that systemd-tmpfiles leaves it alone
(tmpfiles.d(5): "ignored ... if it is locked").
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from core import product

# Another process may have made its folder just now, and not locked it yet.
YOUNG_SECONDS = 60


@contextlib.contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """A new folder, which is removed at the end. Removes those for the same purpose that killed processes have left. Raises OSError."""
    above, prefix = Path(tempfile.gettempdir()), f"{product.SLUG}-{purpose}-"
    for left in above.glob(f"{prefix}*"):
        _remove_left(left)
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=above))
    lock = _lock(path)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _remove_left(path: Path) -> None:
    """Remove a folder of ours that no process has locked."""
    with contextlib.suppress(OSError):
        found = path.lstat()
        if found.st_uid != os.geteuid() or time.time() - found.st_mtime < YOUNG_SECONDS:
            return
        lock = _lock(path)
        try:
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(lock)


def _lock(path: Path) -> int:
    """Lock a folder, which a fork shares; the descriptor. Raises OSError, also when another process has locked it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
