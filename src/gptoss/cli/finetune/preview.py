"""Shows what would be learnt: rows as counted, and tokens in colour by who wrote them and what they weigh."""

from __future__ import annotations

from gptoss.cli.output import Screen
from gptoss.tokenizer import Tokenizer
from gptoss.train.data.dataset import DataReport, left_out_lines
from gptoss.train.data.loss_weights import TokenKind
from gptoss.train.data.samples import Sample

_STYLES = {
    TokenKind.SYSTEM: "blue",
    TokenKind.DEVELOPER: "blue",
    TokenKind.USER: "cyan",
    TokenKind.RESULT: "magenta",
    TokenKind.ANALYSIS: "yellow",
    TokenKind.COMMENTARY: "yellow",
    TokenKind.TOOLS: "red",
    TokenKind.FINAL: "green",
}


def show_report(report: DataReport, screen: Screen) -> None:
    """Rows, samples and tokens by kind, and all that was left out, cut or not read."""
    screen.facts(
        {
            "rows": report.rows,
            "samples": report.samples,
            "tokens": report.tokens,
            "tokens learnt": report.learnt,
        }
    )
    for kind in TokenKind:
        if count := report.tokens_of[kind]:
            screen.write(f"  {kind:<22}", _STYLES[kind])
            screen.write(f"{count:,}, {report.learnt_of[kind]:,} learnt\n")
    for line in left_out_lines(report):
        screen.note(line)
    if report.cut:
        screen.note(
            f"{report.cut:,} samples were cut at their end, by {report.tokens_cut:,} tokens"
        )
    if report.unused_columns:
        screen.note(f"columns that are not read: {', '.join(sorted(report.unused_columns))}")
    if report.without_thought:
        screen.note(
            f"{report.without_thought:,} of {report.samples:,} answers have no chain of thought: the model learns to "
            "answer without one; give such rows reasoning_effort low, or --train-on final=1 for its form alone"
        )


def show_sample(sample: Sample, tokenizer: Tokenizer, screen: Screen) -> None:
    """The tokens of a sample: what is learnt is bright, and underlined where nothing but that can say it."""
    start = 0
    edges = [
        index
        for index in range(1, len(sample) + 1)
        if index == len(sample)
        or sample.kinds[index] != sample.kinds[index - 1]
        or sample.weights[index] != sample.weights[index - 1]
    ]
    for end in edges:
        text = tokenizer.decode([int(each) for each in sample.token_ids[start:end]])
        kind, weight = list(TokenKind)[sample.kinds[start]], float(sample.weights[start])
        style = f"bold {_STYLES[kind]}" if weight else f"dim {_STYLES[kind]}"
        if screen.is_terminal:
            screen.write(text, style)
        else:
            screen.write(f"[{kind} {weight:g}] {text}\n")
        start = end
    screen.write("\n" if screen.is_terminal else "")
