"""Text <-> token ids, from the checkpoint's own tokenizer.json."""

from gptoss.tokenizer.detokenizer import Detokenizer
from gptoss.tokenizer.tokenizer import Tokenizer

__all__ = ["Detokenizer", "Tokenizer"]
