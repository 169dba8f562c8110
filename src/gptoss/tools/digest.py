"""What an approval is bound to."""

from __future__ import annotations

import hashlib
import json

from gptoss.harmony.frozen_json import thaw
from gptoss.tools.tool import Tool


def digest_of(tool: Tool, arguments: str) -> str:
    """SHA-256, in hexadecimal, of a tool's definition and a call's arguments: a change of either is another call."""
    about = tool.description
    told = [tool.recipient, tool.kind, about.description, thaw(about.parameters), arguments]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
