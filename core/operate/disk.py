"""How much room a disk has."""

import shutil
from pathlib import Path

from core.operate.finding import Warn, WrongError

MEGABYTE = 1 << 20
# Bytes that are free: uploads and logs fail soon, or an operator should make room before they do.
TOO_FEW, FEW = 100 * MEGABYTE, 1024 * MEGABYTE


def judged(folder: Path) -> str:
    """How much is free where a folder is, or will be. Raises WrongError."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    found = shutil.disk_usage(there)
    text = f"{found.free // MEGABYTE:,} of {found.total // MEGABYTE:,} MB are free for {folder}"
    if found.free < TOO_FEW:
        raise WrongError(f"{text}: make room, before writes fail")
    return Warn(f"{text}: make room soon") if found.free < FEW else text


def judged_if_there(folder: Path | None) -> str:
    """The same for a folder that may be on another machine, or where this account can't see it. Raises WrongError."""
    if folder is None or not folder.is_dir():
        return "not on this machine, or its folder is not known to this account"
    return judged(folder)
