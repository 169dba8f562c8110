"""Of every field that the SDKs' types know, it is decided whether it is read, ignored or refused."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import pytest

from gptoss.forms import Form, Ignored
from tests.server.sdk_fields import MODELS, Graph, Pairing, SdkType, installed, kept

_KEPT = kept()
# The model writes text alone.
_REFUSED = {"chat.modalities 'audio'"}


@pytest.mark.parametrize("api", MODELS)
def test_every_field_that_was_kept_is_decided(api: str) -> None:
    pairing = Pairing(_KEPT[api], MODELS[api], api)
    assert pairing.undecided == []
    assert set(pairing.unknown) <= _REFUSED
    assert Counter(pairing.fates.values()).keys() >= {"read", "ignored"}


@pytest.mark.thorough
@pytest.mark.parametrize("api", MODELS)
def test_every_field_of_the_installed_sdk_is_decided(api: str) -> None:
    pairing = Pairing(installed()[api], MODELS[api], api)
    assert pairing.undecided == [], "decide on it in our type: read it, or name it in `unread`"
    assert set(pairing.unknown) <= _REFUSED, "let our type know the word"


class _Inner(Form):
    type: str = ""
    text: str
    detail: Literal["low", "high"] = "low"


_UNREAD = {"user": Ignored("why")}


class _Body(Form):
    unread = _UNREAD

    parts: list[_Inner]


WORDS = {"detail": ["low", "auto"]}


def test_a_field_that_nobody_decided_on_is_found_wherever_it_is() -> None:
    graph: Graph = {
        "Body": SdkType({}, {"parts": ["Part"], "user": [], "more": []}),
        "Part": SdkType(
            {"type": ["text"]}, {"type": [], "text": [], "detail": [], "new": []}, WORDS
        ),
    }
    pairing = Pairing(graph, _Body, "body")
    assert pairing.undecided == ["body.parts[text].new", "body.more"]
    assert pairing.unknown == ["body.parts[text].detail 'auto'"]
    assert pairing.fates == {
        "body.parts": "read",
        "body.parts[text].type": "read",
        "body.parts[text].text": "read",
        "body.parts[text].detail": "read",
        "body.user": "ignored",
    }


@pytest.mark.parametrize(
    ("place", "fate"),
    [
        ("chat.messages[assistant].function_call", "read"),
        ("chat.messages[assistant].audio", "refused"),
        ("chat.messages[user].content[image_url]", "refused"),
        ("chat.messages[tool].content[text].text", "read"),
        ("chat.moderation", "refused"),
        ("responses.moderation", "refused"),
        ("responses.tools[web_search]", "ignored"),
        ("responses.input[additional_tools developer].tools[namespace].tools[custom].name", "read"),
        ("messages.messages[user].content[document].source[text].data", "read"),
        ("messages.messages[user].content[document].source[base64]", "refused"),
        ("messages.messages[user].content[tool_result].content[image]", "ignored"),
        ("beta messages.thread", "refused"),
        ("beta messages.compaction", "refused"),
    ],
)
def test_what_becomes_of_some(place: str, fate: str) -> None:
    api = place.partition(".")[0]
    assert Pairing(_KEPT[api], MODELS[api], api).fates[place] == fate
