"""Where the model's code runs: a stateful Python notebook that reads and writes its own folder, and nothing else.

with Session(choose_rung()) as session:
    output = session.run("print(6 * 7)")
    output.text()
"""

from gptoss.tools.sandbox.exchange import Interruption
from gptoss.tools.sandbox.interpreter import Interpreter, find_interpreter, other_interpreter
from gptoss.tools.sandbox.ladder import Look, choose_rung, look_at
from gptoss.tools.sandbox.limits import Limits
from gptoss.tools.sandbox.output import Output, Reason, Stream
from gptoss.tools.sandbox.pool import SandboxPool
from gptoss.tools.sandbox.rung import Rung, RungName
from gptoss.tools.sandbox.session import Hold, Session

__all__ = [
    "Hold",
    "Interpreter",
    "Interruption",
    "Limits",
    "Look",
    "Output",
    "Reason",
    "Rung",
    "RungName",
    "SandboxPool",
    "Session",
    "Stream",
    "choose_rung",
    "find_interpreter",
    "look_at",
    "other_interpreter",
]
