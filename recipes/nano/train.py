"""Trains gptoss-nano: python -m recipes.nano.train. Run again, it goes on where it stopped."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer

from gptoss.train.batches import Batch, TrainingSequence, batches, collate
from gptoss.train.loop import LoopOptions, Progress, Trainer
from gptoss.train.torch_model import Shape, TorchModel
from recipes.nano.arithmetic import LEVELS, draw_sum, sum_example
from recipes.nano.display import Display
from recipes.nano.mixture import draw_example
from recipes.nano.rendering import Renderer
from recipes.nano.vocabulary import SIZE, write_tokenizer

SHAPE = Shape(
    vocab_size=SIZE,
    hidden_size=128,
    intermediate_size=128,
    num_hidden_layers=5,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=32,
    num_local_experts=8,
    num_experts_per_tok=2,
    original_max_position_embeddings=128,
)
# Until this many tokens, sums stay within three digits: columns are learnt on short numbers first.
SHORT_SUMS_TOKENS = 2_000_000
VALIDATION_SUMS = 48
VALIDATE_EVERY_TOKENS = 1_000_000


def make_renderer(tokenizer_file: Path) -> tuple[Renderer, int]:
    """The renderer over a tokenizer file, and the id of padding."""
    tokenizer = Tokenizer.from_file(str(tokenizer_file))

    def encode(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    def special_id(name: str) -> int:
        found = tokenizer.token_to_id(name)
        assert found is not None
        return int(found)

    return Renderer(encode, special_id), special_id("<|endoftext|>")


def validation_sets(renderer: Renderer, pad_id: int) -> dict[str, Batch]:
    """Held-out sums by level and digits. High ones open without a mistake: those with one have two right ways."""
    sets = {}
    for level in LEVELS:
        for digits in (3, 5):
            rng = random.Random(digits)
            found: list[TrainingSequence] = []
            while len(found) < VALIDATION_SUMS:
                example = sum_example(
                    rng, draw_sum(rng, digits, rng.choice("+-"), held_out=True), level
                )
                if all(piece.is_learnt for piece in example.analysis):
                    rendered = renderer.render(example)
                    found.append(TrainingSequence(rendered.token_ids, rendered.is_learnt))
            sets[f"{level}-{digits}"] = collate(found, pad_id)
    return sets


@torch.no_grad()
def whole_answers(model: TorchModel, batch: Batch) -> tuple[float, float]:
    """Share of sequences whose every learnt token is the most likely one, and mean probability of the whole.

    The first is exactly greedy decoding's accuracy on the trace, the second that of sampling at temperature 1.
    """
    logprobs = model(batch.token_ids)[:, :-1].log_softmax(-1)
    targets, learnt = batch.token_ids[:, 1:], batch.is_learnt[:, 1:]
    is_right = (logprobs.argmax(-1) == targets) | ~learnt
    chosen = logprobs.gather(-1, targets.unsqueeze(-1)).squeeze(-1) * learnt
    return float(is_right.all(1).float().mean()), float(chosen.sum(1).exp().mean())


def train(folder: Path, total_tokens: int, minutes: float | None, tokens_per_batch: int) -> bool:
    """Train in a folder until the budget or the time is used up."""
    tokenizer_file = folder / "tokenizer.json"
    if not tokenizer_file.exists():
        write_tokenizer(folder)
    renderer, pad_id = make_renderer(tokenizer_file)
    model = TorchModel(SHAPE)
    model.initialise(torch.Generator().manual_seed(0))
    trainer = Trainer(model, LoopOptions(total_tokens), folder)
    # Resuming draws other examples than the first part did.
    rng = random.Random(f"train-{trainer.progress.steps}")

    def draw() -> TrainingSequence:
        digits = 3 if trainer.progress.tokens < SHORT_SUMS_TOKENS else 5
        rendered = renderer.render(draw_example(rng, digits))
        return TrainingSequence(rendered.token_ids, rendered.is_learnt)

    checks = validation_sets(renderer, pad_id)
    validated = trainer.progress.tokens

    with Display(total_tokens, folder / "validation.csv") as display:

        def report(progress: Progress, loss: float) -> None:
            nonlocal validated
            display.show(progress, loss)
            if progress.tokens - validated > VALIDATE_EVERY_TOKENS:
                validated = progress.tokens
                results = {name: whole_answers(model, batch) for name, batch in checks.items()}
                display.show_validation(progress, results)

        source = batches(draw, rng=rng, tokens_per_batch=tokens_per_batch, pad_id=pad_id)
        deadline_s = minutes * 60 if minutes else None
        return trainer.run(source, deadline_s=deadline_s, report=report)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/nano"))
    parser.add_argument(
        "--tokens", type=int, default=39_000_000, help="token budget of the whole run"
    )
    parser.add_argument("--minutes", type=float, help="stop after this time; run again to go on")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens-per-batch", type=int, default=6144)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    is_done = train(options.out, options.tokens, options.minutes, options.tokens_per_batch)
    print("trained" if is_done else "stopped; run again to go on")


if __name__ == "__main__":
    main()
