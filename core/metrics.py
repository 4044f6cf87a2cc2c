"""What a process counts, in the forms that Prometheus reads (https://prometheus.io/docs/instrumenting/exposition_formats/).

Requests and runs of jobs are counted at the moment they happen. Everything else is a plain number that its owner keeps, such as the pool or
the streams: a source reads it each second and before each exposition, which costs the owner nothing.

With several workers each has files of its own in a folder that all share (core/metrics_folder.py), and whichever is asked adds them up.
prometheus_client calls this its multi-process mode. It decides so when it is imported, by the environment; so it is imported here, when
the process knows what it is, and nowhere else at the top of a module.
"""

import asyncio
import os
import resource
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic, process_time
from typing import Any, Literal, NamedTuple

from core import product

# Between two readings of the sources. Prometheus asks every 15 s or so.
READ_SECONDS = 1.0
# Seconds. Most answers take less than 10 ms; from 2.5 s on something waits.
REQUEST_BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5)
# Seconds. A mail takes one, an export minutes.
RUN_BUCKETS = (0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0)
# Seconds.
DELAY_BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0)
# What of a request without a route is counted under: paths that anybody invents must not become labels.
NO_ROUTE = "none"
# A label too; other methods are counted together.
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER_METHOD = "other"
_PAGE = resource.getpagesize()


class Metric(NamedTuple):
    """A name and what it means. across: what the values of several processes are together (of a gauge)."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    says: str
    labels: tuple[str, ...] = ()
    across: Literal["sum", "min", "max"] = "sum"
    buckets: tuple[float, ...] = ()


class Reading(NamedTuple):
    """The present value of a metric, for some values of its labels. Of a counter: since the process began."""

    metric: Metric
    value: float
    labels: tuple[str, ...] = ()


# Reads what somebody else keeps.
Source = Callable[[], Iterable[Reading]]

REQUESTS = Metric(
    "http_requests_total",
    "counter",
    "Requests that were answered, by the template of their route.",
    ("method", "route", "status"),
)
REQUEST_SECONDS = Metric(
    "http_request_duration_seconds",
    "histogram",
    "Seconds from the head of a request to its answer; of a stream to its beginning.",
    ("method", "route"),
    buckets=REQUEST_BUCKETS,
)
RESPONSE_BYTES = Metric("http_response_bytes_total", "counter", "Bytes of bodies of answers.", ("method", "route"))
RUNS = Metric(
    "jobs_runs_total",
    "counter",
    "Runs of jobs that ended here: succeeded; retried: failed, to run again; held: failed for good; taken: by another process.",
    ("name", "status"),
)
# The next three have the names and labels of the books document. queue: the area of a job.
TASKS = Metric(
    "celery_tasks_total", "counter", "Runs of jobs that ended: success, retry or failure.", ("queue", "status")
)
TASK_SECONDS = Metric(
    "celery_task_duration_seconds",
    "histogram",
    "Seconds that runs of jobs took.",
    ("queue", "task_name"),
    buckets=RUN_BUCKETS,
)
TASK_ERRORS = Metric(
    "celery_task_errors_total",
    "counter",
    "Runs of jobs that failed, by the class of the exception.",
    ("queue", "task_name", "error_type"),
)
# The same for what is kept in memory or under a key, to answer again. level: what is kept.
CACHE_ASKED = Metric(
    "cache_operations_total",
    "counter",
    "Questions to what is kept: callers, recent events, answers to idempotency keys.",
    ("level", "operation_type"),
)
CACHE_FOUND = Metric("cache_hits_total", "counter", "Questions that were answered from what is kept.", ("level",))
CACHE_KEYS = Metric("cache_keys_total", "gauge", "What is kept at the moment.", ("level",))
CACHE_BYTES = Metric("cache_memory_usage_bytes", "gauge", "Memory of the recent events.", ("level",))
# How a run of a job ends here.
ENDS = ("succeeded", "retried", "held", "taken")
_TASK_STATUS = {"succeeded": "success", "retried": "retry", "held": "failure"}

INFO = Metric("server_info", "gauge", "1, with the version of the server.", ("version",), "max")
PROCESSES = Metric("server_processes", "gauge", "Processes whose values are added up here.")
CPU = Metric("process_cpu_seconds_total", "counter", "Seconds of CPU that the processes have used.")
MEMORY = Metric("process_resident_memory_bytes", "gauge", "Resident memory of the processes.")
FILES = Metric("process_open_fds", "gauge", "Open file descriptors of the processes.")
LOOP_DELAY = Metric(
    "event_loop_delay_seconds",
    "histogram",
    "How late the event loop wakes a task that sleeps, looked at each second.",
    buckets=DELAY_BUCKETS,
)
COUNTED = (REQUESTS, REQUEST_SECONDS, RESPONSE_BYTES, RUNS, TASKS, TASK_SECONDS, TASK_ERRORS, LOOP_DELAY)


class Metrics:
    """The metrics of one process. folder: shared with other workers; None: it is the only one. number: which of these workers it is; its
    successor, after a kill, has the same number and counts on in the same files."""

    def __init__(self, folder: Path | None = None, number: int = 0) -> None:
        if folder is None:
            os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
        else:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        import prometheus_client
        from prometheus_client import values

        # They would be as many series again, and the files of several workers have none.
        prometheus_client.disable_created_metrics()
        # The class that the import chose holds for the first Metrics of a process only, and names files by pid.
        values.ValueClass = values.MultiProcessValue(lambda: number) if folder is not None else values.MutexValue
        self._library: Any = prometheus_client
        self._folder = folder
        # In the multi-process mode the files are exposed, and the objects that write them are not.
        self._registry = prometheus_client.CollectorRegistry() if folder is None else None
        self._sources: list[Source] = [self._of_process]
        # By the name of a job: see expect_runs.
        self._queues: dict[str, str] = {}
        self._made: dict[str, Any] = {}
        # By metric and labels: what a source last said of a counter.
        self._said: dict[tuple[str, tuple[str, ...]], float] = {}
        # The library's objects for a request, by route, method and status: looking them up by labels takes longer than counting.
        self._of_request: dict[tuple[str, str, int], tuple[Any, Any, Any]] = {}
        for metric in COUNTED:
            self._made_of(metric)

    def add_source(self, source: Source) -> None:
        """Read a source each second."""
        self._sources.append(source)

    def count_request(self, route: str, method: str, status: int, seconds: float, size: int) -> None:
        """Count an answer. size: bytes of its body."""
        found = self._of_request.get((route, method, status))
        if found is None:
            found = self._of_request[route, method, status] = (
                self._child(REQUESTS, (method, route, str(status))),
                self._child(REQUEST_SECONDS, (method, route)),
                self._child(RESPONSE_BYTES, (method, route)),
            )
        count, duration, sent = found
        count.inc()
        duration.observe(seconds)
        if size:
            sent.inc(size)

    def count_run(
        self, name: str, status: str, seconds: float | None = None, error: BaseException | None = None
    ) -> None:
        """Count a run of a job that has ended here. seconds: None: it was ended elsewhere, by the end of its process."""
        queue = self._queues[name]
        self._child(RUNS, (name, status)).inc()
        if seconds is not None:
            self._child(TASK_SECONDS, (queue, name)).observe(seconds)
        if status in _TASK_STATUS:
            self._child(TASKS, (queue, _TASK_STATUS[status])).inc()
        if error is not None:
            self._child(TASK_ERRORS, (queue, name, type(error).__name__)).inc()

    def expect_runs(self, queues: Mapping[str, str]) -> None:
        """Begin the counts of the jobs that this process runs with 0, so that Prometheus sees the first run as an increase. queues: by the
        name of a job, the queue under which it is counted."""
        self._queues.update(queues)
        for name, queue in queues.items():
            for status in ENDS:
                self._child(RUNS, (name, status))
            for status in _TASK_STATUS.values():
                self._child(TASKS, (queue, status))
            self._child(TASK_SECONDS, (queue, name))

    async def work(self) -> None:
        """Read the sources each second, until cancelled."""
        delay = self._made_of(LOOP_DELAY)
        while True:
            due = monotonic() + READ_SECONDS
            await asyncio.sleep(READ_SECONDS)
            delay.observe(max(0.0, monotonic() - due))
            self.read()

    def read(self) -> None:
        """Read the sources now."""
        for source in self._sources:
            for metric, value, labels in source():
                child = self._child(metric, labels)
                if metric.kind == "gauge":
                    child.set(value)
                    continue
                key = metric.name, labels
                child.inc(value - self._said.get(key, 0.0))
                self._said[key] = value

    def expose(self, beside: Sequence[Reading], *, as_openmetrics: bool) -> bytes:
        """The text of all metrics: those of this process, or of all workers. beside: gauges that are the same in each of them. Takes some
        milliseconds, and may be called in a thread."""
        registry = self._registry
        if registry is None:
            from prometheus_client import multiprocess

            registry = self._library.CollectorRegistry()
            multiprocess.MultiProcessCollector(registry, str(self._folder))
        both = _Both(registry, beside)
        if as_openmetrics:
            from prometheus_client import openmetrics

            return bytes(openmetrics.exposition.generate_latest(both, version="1.0.0"))
        return bytes(self._library.generate_latest(both))

    def _child(self, metric: Metric, labels: tuple[str, ...]) -> Any:
        made = self._made_of(metric)
        return made.labels(*labels) if metric.labels else made

    def _made_of(self, metric: Metric) -> Any:
        """The library's object for a metric."""
        made = self._made.get(metric.name)
        if made is None:
            made = self._made[metric.name] = self._make(metric)
        return made

    def _make(self, metric: Metric) -> Any:
        made = {"labelnames": metric.labels, "registry": self._registry}
        if metric.kind == "counter":
            return self._library.Counter(metric.name, metric.says, **made)
        if metric.kind == "histogram":
            return self._library.Histogram(metric.name, metric.says, buckets=metric.buckets, **made)
        # live: without the values of processes that have ended.
        return self._library.Gauge(metric.name, metric.says, multiprocess_mode=f"live{metric.across}", **made)

    def _of_process(self) -> Iterable[Reading]:
        yield Reading(INFO, 1, (product.VERSION,))
        yield Reading(PROCESSES, 1)
        yield Reading(CPU, process_time())
        # Linux. Elsewhere there are no such numbers.
        if os.path.isdir("/proc/self/fd"):
            with open("/proc/self/statm", encoding="ascii") as statm:
                yield Reading(MEMORY, int(statm.read().split()[1]) * _PAGE)
            yield Reading(FILES, len(os.listdir("/proc/self/fd")))


class _Both:
    """What a registry collects, and gauges beside it."""

    def __init__(self, registry: Any, beside: Sequence[Reading]) -> None:
        self._registry, self._beside = registry, beside

    def collect(self) -> Iterable[Any]:
        from prometheus_client.core import GaugeMetricFamily

        # A name stands once in the text, with all its values.
        families: dict[str, Any] = {family.name: family for family in self._registry.collect()}
        for metric, value, labels in self._beside:
            if metric.name not in families:
                families[metric.name] = GaugeMetricFamily(metric.name, metric.says)
            families[metric.name].add_sample(metric.name, dict(zip(metric.labels, labels, strict=True)), value)
        return families.values()
