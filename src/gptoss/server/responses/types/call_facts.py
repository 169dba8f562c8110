"""How a call that the server has run went: our extension in its item, and while it runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptoss.server.exchanged import Exchanged
from gptoss.server.replies import Count, Reply

_Ending = Literal["finished", "error", "timeout", "cancelled", "denied", "skipped"]


class CallFacts(Exchanged):
    """How a call that the server has run went. Our extension; in a request it says nothing."""

    ending: _Ending
    """`error`: the tool or the code failed; `denied`: nobody allowed it; `skipped`: there was nothing to run."""
    seconds: Annotated[float, Field(ge=0)]
    """That it took."""


class CallOutput(Reply):
    """What a call prints while it runs, with `return_progress`: its beginning, where it is long. Our extension."""

    type: Literal["response.gptoss.call_output.delta"]
    delta: str
    item_id: str
    output_index: Annotated[Count, Field(description="The item's place in `output`.")]
    sequence_number: Count
