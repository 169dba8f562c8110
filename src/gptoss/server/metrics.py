"""Prometheus metrics, with the names and meanings that dashboards of the field have, under our own prefix."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from gptoss.chat import Reply
from gptoss.chat.reply import CallRecord
from gptoss.harmony import PYTHON

_FIRST_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_TOKEN_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
_CALL_S = (0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 120)
_WHOLE_S = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)


class Metrics:
    """Of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"gptoss:{name}", what, labels, registry=self._registry)

        def gauge(name: str, what: str) -> Gauge:
            return Gauge(f"gptoss:{name}", what, registry=self._registry)

        def histogram(name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            name = f"gptoss:{name}"
            return Histogram(name, what, labels, buckets=buckets, registry=self._registry)

        self.running = gauge("num_requests_running", "Sequences that are being computed.")
        self.waiting = gauge("num_requests_waiting", "Sequences that wait for their turn.")
        self.cache_usage = gauge(
            "kv_cache_usage_perc", "Share of the KV cache's pages in use, 0 to 1."
        )
        self._http = counter("http_requests", "Replies by route and status.", "route", "status")
        self._success = counter("request_success", "Finished turns by reason.", "finished_reason")
        self._prompt = counter("prompt_tokens", "Tokens of prompts.")
        self._cached = counter(
            "prefix_cache_hits", "Tokens of prompts that were in the prefix cache."
        )
        self._generated = counter("generation_tokens", "New tokens.")
        self._reasoning = counter("reasoning_tokens", "New tokens of chains of thought.")
        self._repairs = counter("repairs", "Places where the model left the format.")
        self._first = histogram("time_to_first_token_seconds", "Queue and prefill.", _FIRST_S)
        self._token = histogram("inter_token_latency_seconds", "Mean of a turn.", _TOKEN_S)
        self._whole = histogram("e2e_request_latency_seconds", "A whole turn.", _WHOLE_S)
        self._calls = counter(
            "tool_calls", "Calls that the server ran, or refused.", "kind", "ending"
        )
        self._call_input = counter("tool_call_bytes", "Of their arguments.", "kind")
        self._call_output = counter("tool_result_bytes", "Of what the model read of them.", "kind")
        self._call_time = histogram("tool_call_seconds", "Each of these calls.", _CALL_S, "kind")
        self._queue = histogram("request_queue_time_seconds", "Before it started.", _FIRST_S)

    def count_reply(self, reply: Reply) -> None:
        """A turn has finished."""
        usage, timings = reply.usage, reply.timings
        self._success.labels(str(reply.finish_reason)).inc()
        self._prompt.inc(usage.prompt_tokens)
        self._cached.inc(usage.cached_tokens)
        self._generated.inc(usage.completion_tokens)
        self._reasoning.inc(usage.reasoning_tokens)
        self._repairs.inc(len(reply.repairs))
        self._queue.observe(timings.queue_s)
        self._first.observe(timings.queue_s + timings.prefill_s)
        if timings.completion_tokens > 1:
            self._token.observe(timings.decode_s / (timings.completion_tokens - 1))
        self._whole.observe(timings.queue_s + timings.prefill_s + timings.decode_s)
        for run in reply.tool_runs:
            self._count_call(run)

    def _count_call(self, run: CallRecord) -> None:
        # By kind: a model may write any name.
        kind = "python" if run.recipient == PYTHON.name else "function"
        self._calls.labels(kind, str(run.result.ending)).inc()
        self._call_input.labels(kind).inc(len(run.arguments.encode(errors="replace")))
        self._call_output.labels(kind).inc(len(run.told.encode(errors="replace")))
        self._call_time.labels(kind).observe(run.result.seconds)

    def count_http(self, route: str, status: int) -> None:
        """A request was answered."""
        self._http.labels(route, str(status)).inc()

    def text(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self._registry)
