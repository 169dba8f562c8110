"""Writes the trained model as a checkpoint: python -m recipes.nano.export."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer

from gptoss.nano import checkpoint_path
from gptoss.train.export import write_checkpoint
from gptoss.train.torch_model import TorchModel
from recipes.nano.train import SHAPE

STOPS = ("<|return|>", "<|endoftext|>", "<|call|>")


def export(run: Path, directory: Path) -> None:
    """From a run's folder to a checkpoint's."""
    model = TorchModel(SHAPE)
    state = torch.load(run / "training.pt", weights_only=True)
    model.load_state_dict(state["model"])
    tokenizer = Tokenizer.from_file(str(run / "tokenizer.json"))
    stops = tuple(int(tokenizer.token_to_id(name) or 0) for name in STOPS)
    write_checkpoint(model, directory, stops)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(run / name, directory / name)
    size = sum(path.stat().st_size for path in directory.iterdir())
    print(f"wrote {directory}: {size:,} bytes, {state['progress']['tokens']:,} tokens trained")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/nano"))
    parser.add_argument("--out", type=Path, default=checkpoint_path())
    options = parser.parse_args()
    export(options.run, options.out)


if __name__ == "__main__":
    main()
