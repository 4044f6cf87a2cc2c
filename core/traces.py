"""Traces of requests, statements and jobs by OpenTelemetry, sent over OTLP/HTTP. Settings are OpenTelemetry's own names, OTEL_….

Without them nothing here imports opentelemetry, and a request pays for one comparison. The span under way is in a context variable, from
which core/data/sql.py makes a span for each statement; so what runs outside of a request or job, such as the relay, makes none.

A span has no text with values: the template of the route and not the path, the name of a statement and not its text, the class of an
error and not its message, because ids, addresses and tokens are in them. The request id leads to the line of the log, which has more.
"""

import logging
import os
import sys
import threading
from collections.abc import Awaitable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from core import product
from core.settings import SettingsError

# For the spans that wait, at the end of the process. A collector that does not answer must not hold it up.
FLUSH_SECONDS = 3.0
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

log = product.logger("traces")
Result = TypeVar("Result")


def is_configured(env: Mapping[str, str]) -> bool:
    """Whether traces are to be made. Raises SettingsError: by an exporter or a protocol that this server does not have."""
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = env.get("OTEL_TRACES_EXPORTER", "otlp" if any(name in env for name in _ENDPOINTS) else "none")
    if exporter == "none":
        return False
    lines = [] if exporter == "otlp" else ["OTEL_TRACES_EXPORTER: must be otlp or none"]
    lines += [
        f"{name}: must be http/protobuf" for name in _PROTOCOLS if env.get(name, "http/protobuf") != "http/protobuf"
    ]
    if lines:
        raise SettingsError(lines)
    return True


def export_settings(env: Mapping[str, str], into: MutableMapping[str, str] = os.environ) -> None:
    """Copy OpenTelemetry's settings, which may be in the file .env, to where its library reads them."""
    for name, value in env.items():
        if name.startswith("OTEL_"):
            into.setdefault(name, value)


def admit_library() -> None:
    """Let opentelemetry be imported, which core/__init__.py prevents."""
    if sys.modules.get("opentelemetry", sys) is None:
        del sys.modules["opentelemetry"]


class Trace:
    """A request or job under way: its span, and those of its statements below it."""

    def __init__(self, tracing: "Tracing", span: Any) -> None:
        self._tracing, self._span = tracing, span
        self._context = tracing.context_of(span)

    async def statement(self, name: str, statement: Awaitable[Result]) -> Result:
        """The result of a statement, with a span of its name."""
        if not self._span.is_recording():
            return await statement
        span = self._tracing.start_statement(name, self._context)
        try:
            return await statement
        except BaseException as error:
            self._tracing.fail(span, type(error).__name__)
            raise
        finally:
            span.end()

    def end_request(self, status: int) -> None:
        """The request is answered."""
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._tracing.fail(self._span, str(status))
        self._span.end()

    def end_run(self, status: str, error: BaseException | None) -> None:
        """The run of a job has ended."""
        self._span.set_attribute("job.status", status)
        if error is not None:
            self._tracing.fail(self._span, type(error).__name__)
        self._span.end()


# The trace of what the current task does; None: it makes none.
current: ContextVar[Trace | None] = ContextVar("trace", default=None)


class Tracing:
    """Makes the traces of one process, and sends them from a thread. Made after the fork, because a thread does not outlive it."""

    def __init__(self, exporter: Any = None) -> None:
        """exporter: of OpenTelemetry; None: the one that the settings say."""
        admit_library()
        from opentelemetry import trace
        from opentelemetry.context import Context
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        # It logs each failed attempt; _Sender says once that the collector is away.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        os.environ.setdefault("OTEL_SERVICE_NAME", product.SLUG)
        resource = Resource.create({"service.version": product.VERSION, "process.pid": os.getpid()})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(_sender(exporter or OTLPSpanExporter())))
        self._tracer = self._provider.get_tracer(product.SLUG, product.VERSION)
        self._trace, self._nothing = trace, Context()
        self._propagator = TraceContextTextMapPropagator()

    def begin_request(self, method: str, route: str, request_id: str, headers: Mapping[str, str], scheme: str) -> None:
        """Begin the trace of a request in the current task; it continues that of the header `traceparent` (W3C Trace Context)."""
        sent = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
        parent = self._propagator.extract(sent, self._nothing) if sent else self._nothing
        name = method if method in METHODS else "_OTHER"
        attributes = {
            "http.request.method": name,
            "http.route": route,
            "url.scheme": scheme,
            "http.response.header.x-request-id": (request_id,),
        }
        # Semantic conventions, HTTP server: an unknown method is HTTP in the span's name.
        self._begin(f"{name if name == method else 'HTTP'} {route}", parent, self._trace.SpanKind.SERVER, attributes)

    @contextmanager
    def job(self, name: str, job_id: int, attempt: int) -> Iterator[Trace]:
        """Within, the current task makes the trace of a run of a job. It is not linked to the request that enqueued the job: that is
        enqueued in SQL, which knows no trace."""
        attributes = {"job.name": name, "job.id": job_id, "job.attempt": attempt}
        before = current.get()
        trace = self._begin(f"run {name}", self._nothing, self._trace.SpanKind.CONSUMER, attributes)
        try:
            yield trace
        except BaseException as error:
            # The process ends, and another one will run the job.
            trace.end_run("released", error)
            raise
        finally:
            current.set(before)

    def _begin(self, name: str, parent: Any, kind: Any, attributes: Any) -> Trace:
        trace = Trace(self, self._tracer.start_span(name, context=parent, kind=kind, attributes=attributes))
        current.set(trace)
        return trace

    def start_statement(self, name: str, context: Any) -> Any:
        """A span of a statement below that of `context`."""
        attributes = {"db.system.name": "postgresql", "db.query.summary": name}
        return self._tracer.start_span(name, context=context, kind=self._trace.SpanKind.CLIENT, attributes=attributes)

    def context_of(self, span: Any) -> Any:
        """The context in which a span is the parent."""
        return self._trace.set_span_in_context(span, self._nothing)

    def fail(self, span: Any, kind: str) -> None:
        """Say that a span has failed. kind: the class of the error, or the status."""
        span.set_attribute("error.type", kind)
        span.set_status(self._trace.StatusCode.ERROR)

    def close(self) -> None:
        """Send the spans that wait, for FLUSH_SECONDS at most. Blocks."""
        # The library waits for half a minute, and its thread can't be interrupted while it sends.
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(FLUSH_SECONDS)


def _sender(exporter: Any) -> Any:
    """The exporter, which logs when the collector goes away and comes back."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Sender(SpanExporter):
        is_up = True

        def export(self, spans: Any) -> Any:
            result = exporter.export(spans)
            is_up = result is SpanExportResult.SUCCESS
            if is_up != self.is_up:
                self.is_up = is_up
                log.warning(
                    "traces are sent again" if is_up else "traces can't be sent, and are dropped until they can"
                )
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return bool(exporter.force_flush(timeout_millis))

    return Sender()
