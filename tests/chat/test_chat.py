"""Turns and conversations, with a model that writes a given script."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import pytest

import gptoss
from gptoss import harmony
from gptoss.chat import Chat, ToolCall, TurnFinished
from gptoss.engine import FinishReason, SamplingParams
from gptoss.errors import CheckpointError, GptossError, MessageError, RequestError, TokenizerError
from gptoss.harmony import ContentDelta, Message, ReasoningDelta, Repair, Role
from gptoss.runtime import LoadedModel
from tests.conftest import ScriptedModel

THINK = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
ANSWER = "<|channel|>final<|message|>Hello, you.<|return|>"
FINAL_ONLY = ANSWER


def prompt_of(chat: Chat, text: str) -> str:
    """The prompt that the next turn would have."""
    conversation = chat._asked([*chat.history, Message(Role.USER, text)]).conversation
    return chat.model.tokenizer.decode(harmony.render(conversation, chat.model.tokenizer))


def test_a_turn(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model(THINK + ANSWER))
    events = list(chat.stream("Hi"))
    assert "".join(e.text for e in events if isinstance(e, ReasoningDelta)) == "Hm."
    assert "".join(e.text for e in events if isinstance(e, ContentDelta)) == "Hello, you."
    last = events[-1]
    assert isinstance(last, TurnFinished)
    reply = last.reply
    assert (reply.content, reply.reasoning) == ("Hello, you.", "Hm.")
    assert reply.finish_reason is FinishReason.STOP
    assert reply.repairs == ()
    assert reply.usage.prompt_tokens > 30
    assert reply.usage.completion_tokens == reply.timings.completion_tokens
    assert 0 < reply.usage.reasoning_tokens < reply.usage.completion_tokens


def test_the_prompt(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model(""), "high", system="Be kind.", current_date="2026-01-02")
    assert prompt_of(chat, "Hi") == (
        "<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\n"
        "Knowledge cutoff: 2024-06\nCurrent date: 2026-01-02\n\nReasoning: high\n\n"
        "# Valid channels: analysis, commentary, final. Channel must be included for every message."
        "<|end|><|start|>developer<|message|># Instructions\n\nBe kind.<|end|>"
        "<|start|>user<|message|>Hi<|end|><|start|>assistant"
    )


def test_history_keeps_answers_and_drops_old_reasoning(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model(THINK + ANSWER + FINAL_ONLY))
    chat.send("One")
    prompt = prompt_of(chat, "Two")
    assert "Hello, you." in prompt
    assert "Hm." not in prompt
    chat.send("Two")
    assert [m.text for m in chat.history if m.role is Role.USER] == ["One", "Two"]
    chat.reset()
    assert "Hello, you." not in prompt_of(chat, "Three")


def test_tool_calls(scripted_model: ScriptedModel) -> None:
    call = '<|channel|>commentary to=functions.add <|constrain|>json<|message|>{"a":1}<|call|>'
    reply = Chat(scripted_model(call), grammar=False).send("Add")
    assert reply.tool_calls == (ToolCall("add", '{"a":1}'),)
    assert reply.finish_reason is FinishReason.TOOL_CALLS
    assert reply.content == ""


def test_repairs_are_reported(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model("<|message|>Hello.<|return|>"), grammar=False)
    events = list(chat.stream("Hi"))
    assert any(isinstance(event, Repair) for event in events)
    last = events[-1]
    assert isinstance(last, TurnFinished)
    assert last.reply.content == "Hello."
    assert len(last.reply.repairs) == 1


def test_length(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model(THINK + ANSWER), max_tokens=5)
    reply = chat.send("Hi")
    assert reply.finish_reason is FinishReason.LENGTH
    assert reply.usage.completion_tokens == 5
    assert reply.reasoning.startswith("H")


def test_stop_while_answering_keeps_what_was_said(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model("<|channel|>final<|message|>" + "word " * 50, pause_s=0.02))
    reply = None
    for event in chat.stream("Hi"):
        if isinstance(event, TurnFinished):
            reply = event.reply
        else:
            chat.stop()
    assert reply is not None
    assert reply.finish_reason is FinishReason.CANCELLED
    assert reply.content
    assert ("word " * 50).startswith(reply.content)
    assert len(chat.history) == 2


def test_stop_before_the_answer_forgets_the_question(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model("<|channel|>analysis<|message|>" + "word " * 50, pause_s=0.02))
    for event in chat.stream("Hi"):
        if not isinstance(event, TurnFinished):
            chat.stop()
    assert chat.history == []


def test_leaving_a_stream_early_frees_the_model(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model(THINK + "<|channel|>final<|message|>" + "word " * 50, pause_s=0.02))
    for _ in chat.stream("Hi"):
        break
    assert chat.history == []


def test_json_has_the_promised_names(scripted_model: ScriptedModel) -> None:
    data = json.loads(Chat(scripted_model(THINK + ANSWER)).send("Hi").to_json())
    assert data["content"] == "Hello, you."
    assert data["reasoning"] == "Hm."
    assert data["tool_calls"] == []
    assert data["finish_reason"] == "stop"
    assert set(data["usage"]) == {
        "prompt_tokens",
        "completion_tokens",
        "reasoning_tokens",
        "cached_tokens",
    }
    assert data["timings"]["prefill_s"] >= 0


def test_text_without_a_header_streams_as_well(scripted_model: ScriptedModel) -> None:
    events = list(Chat(scripted_model("Hello there<|return|>"), grammar=False).stream("Hi"))
    assert "".join(e.text for e in events if isinstance(e, ContentDelta)) == "Hello there"
    chat = Chat(scripted_model("Hello there"), max_tokens=2, grammar=False)
    events = list(chat.stream("Hi"))
    last = events[-1]
    assert isinstance(last, TurnFinished)
    assert last.reply.content
    assert "".join(e.text for e in events if isinstance(e, ContentDelta)) == last.reply.content


def test_a_thought_cut_short_is_carried_on_until_an_answer(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model(THINK), max_tokens=5)
    chat.send("One")
    assert "<|channel|>analysis" in prompt_of(chat, "Go on")
    chat.history.append(Message(Role.ASSISTANT, "Done", "final"))
    assert "<|channel|>analysis" not in prompt_of(chat, "Two")


@pytest.mark.parametrize("text", ["", " \n"])
def test_nothing_said(scripted_model: ScriptedModel, text: str) -> None:
    with pytest.raises(MessageError, match="empty message"):
        Chat(scripted_model("")).send(text)


def test_reasoning_level_is_checked_when_it_changes(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model(""))
    chat.reasoning = "high"
    with pytest.raises(MessageError, match="wanted one of low, medium, high"):
        chat.reasoning = "ultra"
    assert chat.reasoning == "high"


def test_wrong_reasoning_level(scripted_model: ScriptedModel) -> None:
    with pytest.raises(MessageError, match="wanted one of low, medium, high"):
        Chat(scripted_model(""), "extreme")


def test_question_longer_than_the_context(scripted_model: ScriptedModel) -> None:
    chat = Chat(scripted_model(ANSWER))
    with pytest.raises(RequestError, match=r"too long: more than \d+ tokens > \d+ maximum"):
        chat.send("word " * 2000)
    assert chat.history == []
    assert chat.send("Hi").content == "Hello, you."


class TestLoading:
    def test_nano_is_the_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("GPTOSS_MODEL", raising=False)
        model = gptoss.load()
        assert model.name == "nano"
        assert model.tokenizer.vocab_size == model.config.vocab_size == 1024
        assert model.logits([1, 2, 3]).shape == (3, 1024)

    def test_environment_names_the_model(
        self, monkeypatch: pytest.MonkeyPatch, tiny_directory: Path
    ) -> None:
        monkeypatch.setenv("GPTOSS_MODEL", str(tiny_directory))
        assert gptoss.load().name == tiny_directory.name

    def test_rows_without_a_token_are_never_sampled(self, tiny_directory: Path) -> None:
        model = gptoss.load(tiny_directory)
        assert model.config.vocab_size > model.tokenizer.vocab_size
        hot = SamplingParams(temperature=100, seed=1)
        ids = list(model.submit([1, 2, 3], hot, max_tokens=200))
        assert max(ids) < model.tokenizer.vocab_size

    @pytest.mark.parametrize(
        ("options", "error", "said"),
        [
            ({"path_or_name": "nowhere"}, CheckpointError, "there is no model 'nowhere'"),
            ({"precision": "fp16"}, RequestError, "precision 'fp16'"),
            ({"weights": "fp8"}, RequestError, "weights 'fp8'; wanted one of stored, int8"),
            ({"threads": 1000}, RequestError, "1000 threads, and this process may use"),
            ({"threads": 0}, GptossError, "got 0 threads"),
            ({"isa": "mmx"}, GptossError, "instruction set 'mmx'"),
        ],
    )
    def test_wrong_options(
        self, options: dict[str, object], error: type[Exception], said: str
    ) -> None:
        with pytest.raises(error, match=said):
            gptoss.load(**options)  # type: ignore[arg-type]

    @pytest.mark.parametrize("context", [0, -1, 4097, 10**15])
    def test_wrong_context(self, context: int) -> None:
        with pytest.raises(RequestError, match=rf"a context of {context} tokens, wanted 1 to 4096"):
            gptoss.load(context=context)

    @pytest.mark.parametrize("name", ["", "x" * 5000, "~nosuchuser/x", "a\0b"])
    def test_names_that_are_no_path(self, name: str) -> None:
        with pytest.raises(CheckpointError, match="name the folder of a checkpoint") as caught:
            gptoss.load(name)
        assert len(str(caught.value)) <= 400

    def test_a_model_that_nobody_holds_ends_its_thread(self) -> None:
        model = gptoss.load()
        list(model.submit([1, 2], SamplingParams(), max_tokens=1))
        thread = model._worker._thread
        assert thread is not None
        del model
        gc.collect()
        thread.join(10)
        assert not thread.is_alive()

    def test_with_closes(self) -> None:
        with gptoss.load() as model:
            list(model.submit([1, 2], SamplingParams(), max_tokens=1))
        with pytest.raises(RequestError, match="closed"):
            model.submit([1, 2], SamplingParams())

    def test_tokenizer_that_does_not_fit(self, tiny_directory: Path, tmp_path: Path) -> None:
        for name in ("model.safetensors", "config.json"):
            (tmp_path / name).write_bytes((tiny_directory / name).read_bytes())
        text = (tiny_directory / "tokenizer.json").read_text().replace('"id":1023', '"id":5000')
        text = text.replace('"id": 1023', '"id": 5000')
        (tmp_path / "tokenizer.json").write_text(text)
        with pytest.raises(TokenizerError, match="ids up to 5000, the model only 1100 tokens"):
            gptoss.load(tmp_path)

    def test_checkpoint_without_a_tokenizer(self, tiny_directory: Path, tmp_path: Path) -> None:
        for name in ("model.safetensors", "config.json"):
            (tmp_path / name).write_bytes((tiny_directory / name).read_bytes())
        with pytest.raises(TokenizerError, match=r"no tokenizer\.json"):
            gptoss.load(tmp_path)


def test_the_package_offers_its_names() -> None:
    for name in gptoss.__all__:
        assert getattr(gptoss, name) is not None
    with pytest.raises(AttributeError):
        _ = gptoss.nonsense


def test_close_ends_the_model(scripted_model: ScriptedModel) -> None:
    model: LoadedModel = scripted_model(ANSWER)
    model.close()
    with pytest.raises(RequestError, match="closed"):
        Chat(model).send("Hi")
