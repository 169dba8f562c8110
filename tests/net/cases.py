"""The cases: what is sent to a server, request after request, and what its model writes for each."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"
# Ids that a server makes, and chains of thought that it has signed.
MADE = re.compile(r"[a-z]+[_-](?:[a-z]+_)?[0-9a-f]{24}\b|gptoss2\.[A-Za-z0-9_=-]+")
_REFERENCE = re.compile(r"<<(\d+)\.(\d+)>>")


@dataclass
class Sent:
    """One request.

    writes  what the model writes for each of its answers
    """

    method: str
    target: str
    headers: list[list[str]]
    body: bytes = b""
    writes: list[str] = field(default_factory=list)

    def with_references(self, replies: list[str]) -> Sent:
        """The request with what earlier replies have made in place of `<<N.M>>`: the Mth id in reply N."""

        def found(match: re.Match[str]) -> str:
            made = made_in(replies[int(match[1])])
            return made[int(match[2])] if int(match[2]) < len(made) else "there_is_no_such_id"

        body = _REFERENCE.sub(found, self.body.decode("latin-1")).encode("latin-1")
        target = _REFERENCE.sub(found, self.target)
        return Sent(self.method, target, self.headers, body, self.writes)

    def as_json(self) -> dict[str, Any]:
        """For a line of a file of cases."""
        told: dict[str, Any] = {"send": f"{self.method} {self.target}", "headers": self.headers}
        if self.body:
            try:
                told["body"] = self.body.decode()
            except UnicodeDecodeError:
                told["base64"] = base64.b64encode(self.body).decode()
        if self.writes:
            told["writes"] = self.writes
        return told

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Sent:
        """From such a line."""
        method, _, target = told["send"].partition(" ")
        body = told["body"].encode() if "body" in told else b""
        if "base64" in told:
            body = base64.b64decode(told["base64"])
        return cls(method, target, told["headers"], body, told.get("writes", []))


@dataclass
class Scenario:
    """Requests to one new server, in order."""

    name: str
    settings: dict[str, Any]
    model: dict[str, Any]
    sent: list[Sent]


def made_in(reply: str) -> list[str]:
    """The ids in a reply, each once."""
    return list(dict.fromkeys(MADE.findall(reply)))


def groups() -> list[str]:
    """Names of the files of cases."""
    return sorted(path.stem for path in CASES.glob("*.jsonl"))


def read(group: str) -> list[Scenario]:
    """The scenarios of one file."""
    scenarios: list[Scenario] = []
    for line in (CASES / f"{group}.jsonl").read_text("utf-8").split("\n")[:-1]:
        # Not `splitlines`: texts have other ends of lines in them.
        told = json.loads(line)
        if "scenario" in told:
            scenarios.append(
                Scenario(told["scenario"], told.get("settings", {}), told["model"], [])
            )
        else:
            scenarios[-1].sent.append(Sent.from_json(told))
    return scenarios


def write(group: str, scenarios: Iterable[Scenario]) -> None:
    """Write one file."""
    lines: list[dict[str, Any]] = []
    for scenario in scenarios:
        head: dict[str, Any] = {"scenario": scenario.name, "model": scenario.model}
        if scenario.settings:
            head["settings"] = scenario.settings
        lines += [head, *(sent.as_json() for sent in scenario.sent)]
    CASES.mkdir(exist_ok=True)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (CASES / f"{group}.jsonl").write_text(text, "utf-8")
