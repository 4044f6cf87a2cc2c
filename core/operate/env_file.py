"""Changing values in a file of settings, such as .env, and nothing else of it: comments, order, mode and owner stay."""

import fcntl
import io
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

# Read alike by python-dotenv, sh and systemd without quotes, and within single quotes.
_PLAIN = re.compile(r"[A-Za-z0-9_.~+/=@:%,-]*")
_QUOTED = re.compile(r"[^'\n\r\0]*")


class EnvFileError(Exception):
    """The file can't be changed. The message is one line, and has nothing of a value."""


def values(path: Path) -> dict[str, str]:
    """What the file says. Raises EnvFileError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise EnvFileError(f"can't read {path}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
    return {name: value for name, value in dotenv_values(stream=io.StringIO(text), interpolate=True).items() if value}


def change(path: Path, changed: Mapping[str, str]) -> None:
    """Set values: at each moment the file is as before or as afterwards. "": the line is removed. Raises EnvFileError."""
    # A link stays a link.
    path = path.resolve()
    try:
        with path.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            text, found = _changed(file.read(), changed), os.fstat(file.fileno())
            passing = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            try:
                _write(passing, text, found)
                passing.replace(path)
            except BaseException:
                passing.unlink(missing_ok=True)
                raise
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except (OSError, ValueError) as error:
        raise EnvFileError(f"can't change {path}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None


def _write(path: Path, text: str, like: os.stat_result) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(file.fileno(), like.st_uid, like.st_gid)
        os.fchmod(file.fileno(), like.st_mode & 0o777)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _changed(text: str, changed: Mapping[str, str]) -> str:
    parts: list[str] = []
    waiting = dict(changed)
    for binding in parse_stream(io.StringIO(text)):
        original = binding.original.string
        if binding.key is None or binding.key not in changed:
            parts.append(original)
            continue
        value = waiting.pop(binding.key, "")
        # A name may occur twice, and the last one would count.
        if value:
            before = re.match(r"\s*(?:export\s+)?", original)
            parts.append(f"{before[0] if before else ''}{line_of(binding.key, value)}\n")
    if parts and not parts[-1].endswith("\n"):
        parts.append("\n")
    parts += [f"{line_of(name, value)}\n" for name, value in waiting.items() if value]
    return "".join(parts)


def line_of(name: str, value: str) -> str:
    """NAME=VALUE, which all readers of such files understand alike. Raises EnvFileError."""
    if _PLAIN.fullmatch(value):
        return f"{name}={value}"
    if not _QUOTED.fullmatch(value) or re.search(r"\\(?!,)|\$\{", value):
        raise EnvFileError(
            f"{name} has a quotation mark, a backslash, a line break or ${{, which not every reader of such a file takes as it stands"
        )
    return f"{name}='{value}'"
