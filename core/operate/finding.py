"""What a check of server.py doctor finds: a text, if all is well; a Warn, if the server works and somebody should look; an exception, if not."""

from collections.abc import Awaitable, Callable, Mapping


class Warn(str):
    """Worth a look, and what to do."""


class WrongError(Exception):
    """Something is wrong; the message says what to do."""


Check = Callable[[], Awaitable[str]]


async def run(checks: Mapping[str, Check], say: Callable[[str], None]) -> int:
    """Say a line for each check; the exit status: 1, something is wrong."""
    status = 0
    for name, check in checks.items():
        try:
            found = await check()
            say(f"{'warn ' if isinstance(found, Warn) else 'ok   '}  {name}: {found}")
        except Exception as error:
            # Whatever is wrong with a service, this command reports it and goes on.
            status = 1
            say(f"wrong  {name}: {str(error) or type(error).__name__}")
    return status
