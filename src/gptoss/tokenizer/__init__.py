"""Text <-> token ids, by the checkpoint's own tokenizer."""

from gptoss.tokenizer.detokenizer import Detokenizer
from gptoss.tokenizer.tokenizer import Tokenizer

__all__ = ["Detokenizer", "Tokenizer"]
