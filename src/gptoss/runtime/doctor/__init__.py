"""What is wrong with a machine or a model, each with what to do about it."""

from gptoss.runtime.doctor.examination import Examination
from gptoss.runtime.doctor.finding import Finding, Level, worst_of
from gptoss.runtime.doctor.repair import write_repaired

__all__ = ["Examination", "Finding", "Level", "worst_of", "write_repaired"]
