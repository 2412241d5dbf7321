"""OpenTelemetry traces: what the time of a job went into, in the bot and in the workers.

Spans are sent where the standard's variables say: `OTEL_EXPORTER_OTLP_ENDPOINT`, or
`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`. Without them they cost next to nothing. One job is one trace: the ids of
its root span are made from the job's, so that every process can add to it, one after a crash included.
"""

import logging
import os
from contextlib import AbstractContextManager
from contextvars import ContextVar
from datetime import datetime
from hashlib import blake2b
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags

from dream.extras import install

log = logging.getLogger(__name__)

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_TRACER: Final = trace.get_tracer("dreambot")
_root_ids: ContextVar[SpanContext | None] = ContextVar("root_ids", default=None)


def configure(service: str) -> None:
    """Let this process, a `service` such as "dreambot-worker", send its spans, if an endpoint is set."""
    if not any(map(os.environ.get, ENDPOINTS)):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    except ImportError:
        log.warning("%s is set, but nothing is traced: %s", ENDPOINTS[0], install("tracing"))
        return

    class JobIds(RandomIdGenerator):
        """Gives a job's root span the ids that its children know."""

        def generate_trace_id(self) -> int:
            return ids.trace_id if (ids := _root_ids.get()) else super().generate_trace_id()

        def generate_span_id(self) -> int:
            return ids.span_id if (ids := _root_ids.get()) else super().generate_span_id()

    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", service)})
    provider = TracerProvider(resource=resource, id_generator=JobIds())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def span(name: str, job: str, **attributes: str) -> AbstractContextManager[Span]:
    """Trace the block as a part of a job, given by its id."""
    return _TRACER.start_as_current_span(
        name, context=_under(_ids(job)), attributes={"job": job, **attributes}
    )


def record(name: str, job: str, since: datetime, until: datetime | None = None) -> None:
    """Record a part of a job that is over, by default now."""
    _start(name, job, _under(_ids(job)), since).end(_nanoseconds(until) if until else None)


def record_job(job: str, since: datetime, **attributes: str) -> None:
    """Record a job that has ended now: the root of all its spans."""
    token = _root_ids.set(_ids(job))
    try:
        root = _start("job", job, Context(), since, **attributes)
    finally:
        _root_ids.reset(token)
    root.end()


def _start(name: str, job: str, context: Context, since: datetime, **attributes: str) -> Span:
    when = _nanoseconds(since)
    return _TRACER.start_span(name, context, attributes={"job": job, **attributes}, start_time=when)


def _ids(job: str) -> SpanContext:
    digest = blake2b(job.encode(), digest_size=24).digest()
    trace_id, span_id = int.from_bytes(digest[:16]), int.from_bytes(digest[16:])
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _under(parent: SpanContext) -> Context:
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)
