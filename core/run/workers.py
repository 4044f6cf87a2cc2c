"""Several worker processes on one port: started by fork, replaced when one ends, and stopped together."""

import os
import signal
import time
from collections.abc import Callable

from core import product

# After SIGTERM. A worker that still runs is then killed.
END_SECONDS = 20
# Between two starts of the same worker, so that one that can't start doesn't use all of a core.
CALM_SECONDS = 1.0

log = product.logger("workers")
_ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_WATCHED = _ENDING | {signal.SIGCHLD, signal.SIGALRM}


def supervise(count: int, work: Callable[[int, int], int], gone: Callable[[int], None] = lambda number: None) -> int:
    """Run `work(number, parent)` in `count` processes until SIGTERM, SIGINT or SIGHUP; returns the exit status.

    These signals are blocked when `work` begins; it has to unblock them. parent: the reading end of a pipe. It is closed when this
    process ends in any way; a worker then stops too. gone: called with the number of a worker that has ended, before another one is started.
    """
    parent, alive = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    # The number of each worker, by its pid.
    workers: dict[int, int] = {}
    # When each was started (monotonic), by its number.
    started: dict[int, float] = {}
    ending = False

    def fork(number: int) -> None:
        started[number] = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os.close(alive)
            # The signals that end a worker stay blocked until it can act on them (core/run/process.py). An exception raised by a
            # signal handler may be lost: Python ignores it in a finalizer.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED - _ENDING)
            status = 1
            try:
                status = work(number, parent)
            except Exception:
                log.exception("worker %d failed", number)
            finally:
                os._exit(status)
        workers[pid] = number

    for number in range(1, count + 1):
        fork(number)
    while workers:
        caught = signal.sigwait(_WATCHED)
        if caught in _ENDING and not ending:
            ending = True
            _send(workers, signal.SIGTERM)
            signal.alarm(END_SECONDS)
        elif caught == signal.SIGALRM:
            _send(workers, signal.SIGKILL)
        for pid, status in _ended(workers):
            number = workers.pop(pid)
            gone(number)
            if not ending:
                log.error("worker %d (pid %d) ended with %s, starting it again", number, pid, _how(status))
                time.sleep(max(0.0, started[number] + CALM_SECONDS - time.monotonic()))
                fork(number)
    signal.alarm(0)
    os.close(alive)
    os.close(parent)
    return 0


def _ended(workers: dict[int, int]) -> list[tuple[int, int]]:
    """The pid and status of each worker that has ended."""
    found = []
    for pid in list(workers):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            found.append((pid, status))
    return found


def _send(workers: dict[int, int], number: signal.Signals) -> None:
    for pid in workers:
        os.kill(pid, number)


def _how(status: int) -> str:
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {os.waitstatus_to_exitcode(status)}"
