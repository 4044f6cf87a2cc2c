"""Runs a command as docs/deploy/tradepost.service has it run, as far as that goes without systemd and its filter of system calls.

Root can do it, where it may make namespaces: another account without any capability, files that can't be written but those of its own
folder (ProtectSystem=strict), no new privileges. On Linux 6.3 and later nobody needs to be root for MemoryDenyWriteExecute.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

# prctl(2), and PR_MDWE_REFUSE_EXEC_GAIN. An older kernel refuses it, and nothing changes.
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
# The account may have no way to the folder of Python, such as root's home: it finds Python in this one, which systems leave empty.
PYTHON_PREFIX = Path("/mnt")
# Python may be linked with a library of its own, by a path to which the account has no way either.
ENVIRONMENT = {"LD_LIBRARY_PATH": str(PYTHON_PREFIX / "lib")}
# sh -c SCRIPT sh PREFIX WRITABLE UID GID COMMAND...
SCRIPT = f"""
set -e
mount --make-rprivate /
mount --bind "$1" {PYTHON_PREFIX}
mount --bind "$2" "$2"
mount -o remount,bind,ro /
uid=$3 gid=$4
shift 4
exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"
"""


def can_confine() -> bool:
    """Whether this is root, on a machine that lets it make namespaces, and with a Python that can be somewhere else."""
    if os.geteuid() != 0 or not PYTHON_PREFIX.is_dir():
        return False
    tried = [python(), "-c", f"import sys; sys.exit(sys.version != {sys.version!r})"]
    command = confined(tried, Path("/var/tmp"), 65534, 65534)
    try:
        return subprocess.run(command, capture_output=True, env={**os.environ, **ENVIRONMENT}).returncode == 0
    except OSError:
        return False


def python() -> str:
    """The Python below which `confined` runs a command."""
    return str(PYTHON_PREFIX / Path(os.path.realpath(sys.executable)).relative_to(os.path.realpath(sys.base_prefix)))


def confined(command: list[str], writable: Path, uid: int, gid: int) -> list[str]:
    """The command that runs `command`, which begins with python(), so that it can write to one folder only."""
    return [
        "unshare",
        "--mount",
        "sh",
        "-c",
        SCRIPT,
        "sh",
        sys.base_prefix,
        str(writable),
        str(uid),
        str(gid),
        *command,
    ]


def deny_new_code() -> None:
    """MemoryDenyWriteExecute for this process and those that it starts."""
    ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0)
