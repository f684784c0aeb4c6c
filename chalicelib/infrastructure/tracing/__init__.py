"""OpenTelemetry traces. Imported only where the setting TRACES is on: see chalicelib/wiring/shared/tracing.py.

    request ──► write ──traceparent in the item──► stream ──► message ──traceparent in its attributes──► queue ──► …

handling.py   spans of requests, invocations and records        aws.py     of calls of AWS; items and messages
carrying.py   the context in items, records and messages        redis.py   of questions to Redis
calls.py      of calls of the payment gateway and of webhooks
export.py     spans leave in a thread of their own, in bounded time, to a file or an OTLP collector
"""
