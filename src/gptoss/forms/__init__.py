"""JSON from outside, held to types that are written once; what is wrong with it is told as got and wanted."""

from gptoss.forms.checked import checked
from gptoss.forms.fail_fast import FailFast
from gptoss.forms.fates import Ignored, Refused, Unread, unless
from gptoss.forms.faults import FieldFault, fault_of, field_fault
from gptoss.forms.form import Form, Typed
from gptoss.forms.kinds import Kinds
from gptoss.forms.reading import Found, place_of, refusal_of, unread

__all__ = [
    "FailFast",
    "FieldFault",
    "Form",
    "Found",
    "Ignored",
    "Kinds",
    "Refused",
    "Typed",
    "Unread",
    "checked",
    "fault_of",
    "field_fault",
    "place_of",
    "refusal_of",
    "unless",
    "unread",
]
