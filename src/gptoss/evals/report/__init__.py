"""What a run found, told with intervals: as JSON, Markdown and a page; and two runs on the same items compared."""

from gptoss.evals.report.comparison import Comparison, Side, compare
from gptoss.evals.report.comparison_report import compared_files, comparison_document
from gptoss.evals.report.facts import RunFacts
from gptoss.evals.report.markdown import markdown
from gptoss.evals.report.report import Evaluated, report_document, report_json, written
from gptoss.evals.report.summary import Summary, summarise

__all__ = [
    "Comparison",
    "Evaluated",
    "RunFacts",
    "Side",
    "Summary",
    "compare",
    "compared_files",
    "comparison_document",
    "markdown",
    "report_document",
    "report_json",
    "summarise",
    "written",
]
