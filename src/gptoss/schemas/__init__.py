"""JSON Schemas read once, in one form, for all who tell of them and who hold to them."""

from gptoss.schemas.keywords import MAX_MULTIPLE, is_number
from gptoss.schemas.places import Schema, parts, resolve
from gptoss.schemas.reading import Fault, Reading, read, read_object

__all__ = [
    "MAX_MULTIPLE",
    "Fault",
    "Reading",
    "Schema",
    "is_number",
    "parts",
    "read",
    "read_object",
    "resolve",
]
