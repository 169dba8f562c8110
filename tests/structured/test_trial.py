"""The process that compiles grammars first: what it measures is the grammar's time, not the machine's."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import pytest

from gptoss.errors import QueueFullError
from gptoss.structured import TurnRules, trial
from gptoss.structured.compiler import TurnCompiler
from gptoss.structured.rules import Answer, AnswerKind
from gptoss.structured.trial import TOO_MUCH, Trial
from gptoss.tokenizer import Tokenizer

FINE = json.dumps({"grammars": [{"lark_grammar": "start: /[a-z]+/"}]})
BOMB = json.dumps({"grammars": [{"lark_grammar": "start: /((a{1,200}){1,200}){1,200}/"}]})


def test_a_machine_that_stands_still_makes_no_grammar_too_large() -> None:
    tried = Trial()
    assert tried.run(FINE).error is None
    process = tried._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    # A processor of its own may go on for a moment, and answer in it.
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    threading.Timer(1.5, process.send_signal, [signal.SIGCONT]).start()
    began = time.monotonic()
    outcome = tried.run(FINE)
    assert time.monotonic() - began > 1.2
    assert outcome.error is None
    assert outcome.seconds < 1
    tried.close()


def test_the_processor_s_time_is_bounded() -> None:
    tried = Trial()
    outcome = tried.run(BOMB)
    assert outcome.error == TOO_MUCH or outcome.seconds <= trial.MAX_SECONDS
    # The next one finds a process that lives.
    assert tried.run(FINE).error is None
    tried.close()


def test_busy_is_not_the_request_s_fault(
    nano_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = TurnCompiler(nano_tokenizer)
    monkeypatch.setattr(trial, "_MAX_WAIT_S", 0.05)
    rules = TurnRules(answer=Answer(AnswerKind.REGEX, "[a-z]+"))
    with compiler._trial._lock, pytest.raises(QueueFullError, match="try again"):
        compiler.compile(rules)
    monkeypatch.undo()
    assert compiler.compile(rules).grammar
