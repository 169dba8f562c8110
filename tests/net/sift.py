"""Makes the cases of what was gathered: `python -m tests.net.sift FILE`.

Each request is kept once, but for those that a later one of the same test refers to.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.net import cases
from tests.net.cases import Scenario, Sent

# Of the client's library, not of the request.
_UNTOLD = ("content-length", "accept-encoding", "connection", "user-agent", "accept")
_MOST_REPEATS = 2
_MOST_OF_ONE_TEST = 500
_MOST_WRITTEN = 300
# nano's thoughts, of which the first line is enough.
_SUMS = re.compile(r"(<\|channel\|>analysis<\|message\|>\d{5}[-+]\d{5})\n.*?<\|end\|>", re.DOTALL)
# Answers of thousands of characters.
_LONG = re.compile(r"\{\d{4,}\}")
_ENDS = ("<|return|>", "<|call|>")
# Every path with every method and credential: of each a few.
_EVERY_METHOD = {
    None: ("GET",),
    "Bearer sk-a-key-of-the-tests-alone": ("GET", "HEAD", "POST", "DELETE", "OPTIONS"),
}


def main(path: Path) -> None:
    """Write all files of cases anew."""
    by_group: dict[str, list[Scenario]] = {}
    seen: set[str] = set()
    with path.open() as lines:
        for name, told in _by_test(json.loads(line) for line in lines):
            file, _, test = name.partition("::")
            for scenario in _scenarios(test.replace("::", "."), told, seen):
                by_group.setdefault(Path(file).stem.removeprefix("test_"), []).append(scenario)
    for group, scenarios in by_group.items():
        cases.write(group, scenarios)


def _by_test(told: Iterable[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    name, found = "", []
    for each in told:
        if each["test"] != name:
            yield name, found
            name, found = each["test"], []
        if _is_wanted(each):
            found.append(each)
    yield name, found


def _is_wanted(told: dict[str, Any]) -> bool:
    if told["body"] is None or told["model"] is None or told["status"] is None:
        return False
    # The page's files have other names whenever it is built.
    if _LONG.search(told["body"]) or told["path"].startswith("/assets/index-"):
        return False
    if "test_every_path" not in told["test"]:
        return True
    key = dict(map(tuple, told["headers"])).get("authorization")
    other = {name for name, _ in told["headers"]} & {"x-api-key", "api-key", "cookie"}
    return told["method"] in _EVERY_METHOD.get(key, ()) and not other


def _scenarios(test: str, told: list[dict[str, Any]], seen: set[str]) -> Iterator[Scenario]:
    by_server: dict[int, list[dict[str, Any]]] = {}
    for each in told:
        by_server.setdefault(each["server"], []).append(each)
    for found in by_server.values():
        sent = _sifted(found, seen)
        if sent:
            model = {**found[0]["model"], "context": min(found[0]["model"]["context"], 4096)}
            yield Scenario(test, found[0]["settings"], model, sent)


def _sifted(told: list[dict[str, Any]], seen: set[str]) -> list[Sent]:
    """Those requests of one server that are new, and those that they refer to."""
    sent = [_sent(each) for each in told]
    replies = [each["reply"] for each in told]
    makers: dict[str, tuple[int, int]] = {}
    refers: list[set[int]] = []
    for index, each in enumerate(sent):
        used = {text for text in cases.MADE.findall(_whole(each)) if text in makers}
        refers.append({makers[text][0] for text in used})
        for number, text in enumerate(cases.made_in(replies[index])):
            makers.setdefault(text, (index, number))
    keys = [_key(told[index], each) for index, each in enumerate(sent)]
    repeats: Counter[str] = Counter()
    kept: set[int] = set()
    for index, key in enumerate(keys):
        repeats[key] += 1
        is_new = key not in seen or bool(refers[index])
        if is_new and repeats[key] <= _MOST_REPEATS and len(kept) < _MOST_OF_ONE_TEST:
            kept |= _with_references(index, refers)
    seen.update(keys)
    order = sorted(kept)
    place = {old: new for new, old in enumerate(order)}
    return [_referring(sent[index], index, makers, place) for index in order]


def _with_references(index: int, refers: list[set[int]]) -> set[int]:
    found, left = set(), [index]
    while left:
        at = left.pop()
        if at not in found:
            found.add(at)
            left += refers[at]
    return found


def _referring(
    sent: Sent, at: int, makers: dict[str, tuple[int, int]], place: dict[int, int]
) -> Sent:
    def reference(match: re.Match[str]) -> str:
        index, number = makers.get(match[0], (at, 0))
        return f"<<{place[index]}.{number}>>" if index < at else match[0]

    body = cases.MADE.sub(reference, sent.body.decode("latin-1")).encode("latin-1")
    target = cases.MADE.sub(reference, sent.target)
    return Sent(sent.method, target, sent.headers, body, sent.writes)


def _whole(sent: Sent) -> str:
    return sent.target + " " + sent.body.decode("latin-1")


def _key(told: dict[str, Any], sent: Sent) -> str:
    # Ids differ from run to run.
    whole = cases.MADE.sub("ID", _whole(sent))
    return json.dumps([told["settings"], told["model"], sent.method, sent.headers, whole])


def _sent(told: dict[str, Any]) -> Sent:
    target = told["path"] + (f"?{told['query']}" if told["query"] else "")
    headers = [
        [name, re.sub(r"^(localhost|127\.0\.0\.1):\d+$", r"\1", value)]
        for name, value in told["headers"]
        if name not in _UNTOLD and not name.startswith("x-stainless")
    ]
    headers = [each for each in headers if each != ["host", "127.0.0.1"]]
    if not any(name == "host" for name, _ in headers):
        headers.insert(0, ["host", "localhost"])
    writes = [_cut(text, is_counted="_tokens" in told["body"]) for text in told["writes"]]
    return Sent(told["method"], target, headers, told["body"].encode("latin-1"), writes)


def _cut(text: str, *, is_counted: bool) -> str:
    """What the model wrote, with an end, and not too long."""
    if "\ufffd" in text:
        # The noise of random weights, which is no text.
        return "<|channel|>final<|message|>As usual.<|return|>"
    if not is_counted:
        text = _SUMS.sub(r"\1<|end|>", text)
    if len(text) > _MOST_WRITTEN:
        text = re.sub(r"<\|?\w*$", "", text[:_MOST_WRITTEN])
    return text if text.endswith(_ENDS) else text + _ENDS[0]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
