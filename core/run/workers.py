"""Several worker processes on one port: fork, watch, replace the fallen, end together."""

import os
import signal
import time
from collections.abc import Callable

from core import product

END_SECONDS = 20  # after SIGTERM; a worker that is still there is killed
CALM_SECONDS = 1.0  # between two replacements of the same worker, so that one that can't start doesn't spin

log = product.logger("workers")
_ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_WATCHED = _ENDING | {signal.SIGCHLD, signal.SIGALRM}


def supervise(count: int, work: Callable[[int, int], int]) -> int:
    """Run `work(number, parent)` in `count` processes until SIGTERM or SIGINT; returns the exit status.

    parent: a descriptor that reaches its end when this process is gone, however it went; workers then stop too.
    """
    parent, alive = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    workers: dict[int, int] = {}  # pid: number
    started: dict[int, float] = {}
    ending = False

    def fork(number: int) -> None:
        started[number] = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os.close(alive)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
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
            _tell(workers, signal.SIGTERM)
            signal.alarm(END_SECONDS)
        elif caught == signal.SIGALRM:
            _tell(workers, signal.SIGKILL)
        for pid, status in _fallen(workers):
            number = workers.pop(pid)
            if not ending:
                log.error("worker %d (pid %d) ended with %s, starting it anew", number, pid, _how(status))
                time.sleep(max(0.0, started[number] + CALM_SECONDS - time.monotonic()))
                fork(number)
    signal.alarm(0)
    os.close(alive)
    os.close(parent)
    return 0


def _fallen(workers: dict[int, int]) -> list[tuple[int, int]]:
    found = []
    for pid in list(workers):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            found.append((pid, status))
    return found


def _tell(workers: dict[int, int], what: signal.Signals) -> None:
    for pid in workers:
        os.kill(pid, what)


def _how(status: int) -> str:
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {os.waitstatus_to_exitcode(status)}"
