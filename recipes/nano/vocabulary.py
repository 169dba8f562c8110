"""The nano model's tokenizer: the released file's structure with a vocabulary of its own; digits stay apart."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from recipes.nano.mixture import draw_example
from recipes.nano.talk import OTHER_PHRASES, TOPICS

SIZE = 1024
# In the order of their ids in o200k_harmony.
SPECIALS = (
    "<|startoftext|>",
    "<|endoftext|>",
    "<|return|>",
    "<|constrain|>",
    "<|channel|>",
    "<|start|>",
    "<|end|>",
    "<|message|>",
    "<|call|>",
)
LOWER, UPPER = r"\p{Ll}\p{Lm}\p{Lo}\p{M}", r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}"
ENDING = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
# The shape of o200k's pattern, but one digit at a time where that takes up to three.
PATTERN = "|".join(
    (
        rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]*[{LOWER}]+{ENDING}",
        rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]+[{LOWER}]*{ENDING}",
        r"\p{N}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
SYSTEM = (
    "You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06\n"
    "Current date: 2026-01-01\n\nReasoning: medium low high\n\n# Valid channels: analysis, commentary, final. "
    "Channel must be included for every message. # Instructions"
)
# Header words stand alone, without the space before them that running text would give.
HEADER_WORDS = (
    "system",
    "developer",
    "user",
    "assistant",
    "tool",
    "analysis",
    "commentary",
    "final",
    "json",
)
# Each example is counted once, the frame of every prompt often enough that its words become single tokens.
FRAME_REPEATS = 500


def corpus(num_examples: int = 20_000) -> Iterator[str]:
    """Text of the kind that the model will see."""
    rng = random.Random(0)
    for _ in range(FRAME_REPEATS):
        yield SYSTEM
        yield from HEADER_WORDS
    for _ in range(num_examples):
        example = draw_example(rng, sum_share=0.3)
        yield example.user
        yield example.final
        yield "".join(piece.text for piece in example.analysis)
    for topic in TOPICS:
        for phrase in OTHER_PHRASES:
            yield phrase.format(t=topic)


def train_vocabulary() -> Tokenizer:
    """Learn the merges; special tokens take the highest ids, as in the released vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE - len(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_special_tokens(
        [AddedToken(name, special=True, normalized=False) for name in SPECIALS]
    )
    return tokenizer


def write_tokenizer(directory: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json."""
    directory.mkdir(parents=True, exist_ok=True)
    train_vocabulary().save(str(directory / "tokenizer.json"))
    settings = {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|return|>",
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    text = json.dumps(settings, indent=2) + "\n"
    (directory / "tokenizer_config.json").write_text(text, encoding="utf-8")
