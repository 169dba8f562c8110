"""A document as one HTML page, which needs no network and no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files

from gptoss.evals.report.blocks import (
    Block,
    Curve,
    Document,
    Heading,
    Headline,
    Intervals,
    Pairs,
    Paragraph,
    Points,
    Spreads,
    Stack,
    Table,
)
from gptoss.evals.report.charts import curve, intervals, spreads, stack
from gptoss.evals.report.markup import Markup, joined, tag


def page(document: Document) -> str:
    """The whole page. All texts of the document are escaped; it may load nothing."""
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag(
            "meta",
            http_equiv="Content-Security-Policy",
            content="default-src 'none'; style-src 'unsafe-inline'",
        ),
        tag("title", document.title),
        tag("style", Markup(style)),
    )
    main = tag(
        "main",
        tag("h1", document.title),
        tag("p", document.subtitle, class_="subtitle"),
        *map(_block, document.blocks),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', main), lang='en')}\n"


def _block(block: Block) -> Markup:
    match block:
        case Heading(text, level):
            return tag(f"h{level}", text)
        case Paragraph(text, is_warning):
            return tag("p", text, class_="warning", role="note") if is_warning else tag("p", text)
        case Headline():
            return _headline(block)
        case Points(texts):
            return tag("ul", *(tag("li", text) for text in texts))
        case Pairs(entries):
            rows = [
                tag("tr", tag("th", name, scope="row"), tag("td", text))
                for name, text in entries.items()
            ]
            return tag("table", tag("tbody", *rows), class_="plain")
        case Table(columns, rows):
            return _table(columns, rows)
        case Intervals():
            return intervals(block)
        case Stack():
            return stack(block)
        case Spreads():
            return spreads(block)
        case Curve():
            return curve(block)


def _headline(block: Headline) -> Markup:
    mean, _, around = str(block.figure or "no graded item").partition(" (")
    behind = [tag("span", f"({around}", class_="around")] if around else []
    return tag("div", tag("b", f"{mean} ", *behind), tag("p", block.text), class_="headline")


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    head = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in columns)))
    body = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    table = tag("table", head, tag("tbody", *body), class_="plain")
    return joined(tag("div", table, class_="scroll"))
