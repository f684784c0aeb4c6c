"""Starts tracing in this process: a provider of spans, and the exporter that the settings choose."""

from pathlib import Path

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.util.re import parse_env_headers

from chalicelib.settings import SettingInvalid, Settings

from .export import BackgroundProcessorOfSampledRequestSpans, RotatingFileExporter

EXPORT_SECONDS = 2.0
"""The longest time for one export to a collector."""


def new_provider(settings: Settings) -> TracerProvider:
    """Makes the tracer provider of this process. Raises SettingInvalid if neither collector nor file is set.

    OpenTelemetry's own environment variables apply, such as OTEL_TRACES_SAMPLER.
    """
    resource = Resource({"service.name": "cinema-tickets", "deployment.environment.name": settings.stage})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BackgroundProcessorOfSampledRequestSpans(new_exporter(settings)))
    return provider


def new_exporter(settings: Settings) -> SpanExporter:
    """Makes the exporter of spans. Exports to the collector if one is set, else to the file. Raises SettingInvalid."""
    if settings.traces_endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        endpoint = f"{settings.traces_endpoint.rstrip('/')}/v1/traces"
        headers = parse_env_headers(settings.traces_headers, liberal=True)  # in its own variable may be a name in SSM
        return OTLPSpanExporter(endpoint, headers=headers, timeout=EXPORT_SECONDS)
    if settings.traces_file:
        return RotatingFileExporter(Path(settings.traces_file))
    raise SettingInvalid(
        "TRACES is on, so OTEL_EXPORTER_OTLP_ENDPOINT must be the URL of a collector (or TRACES_FILE a file)."
    )
