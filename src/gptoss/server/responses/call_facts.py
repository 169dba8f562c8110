"""How a call went, as its item says it."""

from __future__ import annotations

from gptoss.chat.reply import CallRecord
from gptoss.server.responses.types.call_facts import CallFacts


def facts_of(record: CallRecord) -> CallFacts:
    """The facts of a call that has run, or was not to."""
    result = record.result
    return CallFacts(ending=result.ending.value, seconds=round(result.seconds, 6))
