"""One self-contained HTML page of text, tables and figures that asks nothing of any network.

plotly's library is inlined once and every figure is data beside it; the page's content security policy forbids the
browser to fetch anything at all, so a page opened ten years from now, offline, shows what it showed today. Text is
escaped; only `Html` passes through as it is. The style sheet repaints what figures draw in ink, by the reader's
light or dark preference.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from maze_interp.figures.style import BLUE, CLEAR, GREEN, INK, inside_script, title_room, top_margin
from maze_interp.storage import write_text_atomically

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; worker-src blob:"
)
NAMED = {"INK": INK, "BLUE": BLUE, "GREEN": GREEN}
STYLE = re.sub("|".join(NAMED), lambda name: NAMED[name[0]], (Path(__file__).parent / "page.css").read_text("utf-8"))
LONG = 40  # characters from which a cell of words is kept wide on a narrow page
BUTTONS = [["toImage", "resetScale2d"]]
CONFIG = {"showSendToCloud": False, "displaylogo": False, "responsive": True, "modeBarButtons": BUTTONS}


@dataclass(frozen=True)
class Table:
    """A table with one name for each column; numbers are set right-aligned and to four significant digits.

    In words, `code` may be marked.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(f"a row has {len(wrong[0])} cells for {len(self.columns)} columns: {wrong[0]}")


@dataclass(frozen=True)
class Html:
    """Markup that goes into the page as it is: only for what this library made, never for what it read."""

    markup: str


Part: TypeAlias = str | Table | Html | go.Figure


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it, in order; a string is a paragraph, in which `code` may be marked."""

    heading: str
    parts: Sequence[Part] = ()


def write_page(path: str | Path, title: str, sections: Sequence[Section], *, lead: str = "") -> Path:
    """Write the page as one HTML file (5 MB, nearly all of it plotly's library) and return its path.

    `lead` is the paragraph under the title: what was found, in a sentence or two.
    """
    write_text_atomically(path, page_html(title, sections, lead=lead))
    return Path(path)


def page_html(title: str, sections: Sequence[Section], *, lead: str = "") -> str:
    """The page that `write_page` writes, as text."""
    body, figures = [], 0
    for number, section in enumerate(sections, start=1):
        body.append(f'<section id="s{number}"><h2>{escape(section.heading)}</h2>')
        for part in section.parts:
            figures += isinstance(part, go.Figure)
            body.append(_part(part, figures))
        body.append("</section>")
    library = f"<script>{inside_script(get_plotlyjs())}</script>" if figures else ""
    links = [f'<li><a href="#s{i}">{escape(s.heading)}</a></li>' for i, s in enumerate(sections, start=1)]
    contents = f'<nav aria-label="Contents"><ol>{"".join(links)}</ol></nav>' if len(links) > 1 else ""
    head = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<link rel="icon" href="data:,">\n<style>{STYLE}</style>\n{library}</head>\n'
    )
    opening = f"<header><h1>{escape(title)}</h1>{paragraph(lead) if lead else ''}</header>"
    main = "\n".join(body)
    return f"{head}<body>{contents}<main>{opening}\n{main}\n</main></body></html>\n"


def _part(part: Part, number: int) -> str:
    if isinstance(part, str):
        return paragraph(part)
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Html):
        return part.markup
    return _figure(part, number)


def paragraph(text: str) -> str:
    """A paragraph of plain text, in which `code` may be marked."""
    return f"<p>{_marked(text)}</p>"


def _marked(text: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _table(table: Table) -> str:
    numeric = [all(map(_is_number, column)) for column in zip(*table.rows, strict=True)] or [False] * len(table.columns)
    head = "".join(
        f'<th scope="col"{" class=number" if right else ""}>{escape(str(name))}</th>'
        for name, right in zip(table.columns, numeric, strict=True)
    )
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in table.rows)
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    markup = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="scroll">{markup}</div>'


def _cell(value: Any) -> str:
    number = _is_number(value)
    digits = ",.0f" if number and abs(value) >= 10_000 else ".4g" if isinstance(value, (float, np.floating)) else ""
    shown = format(value, digits) if number else str(value)
    kind = " class=number" if number else " class=long" if len(shown) > LONG else ""
    return f"<td{kind}>{_marked(shown)}</td>"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _figure(figure: go.Figure, number: int) -> str:
    """The figure's title becomes text of the page, where it wraps and can be searched; the rest is drawn."""
    title, note = figure.layout.title.text, figure.layout.title.subtitle.text
    bare = top_margin(figure) - title_room(figure)
    drawn = go.Figure(figure).update_layout(title=None, margin_t=bare, paper_bgcolor=CLEAR, plot_bgcolor=CLEAR)
    if drawn.layout.height:
        drawn.update_layout(height=drawn.layout.height - title_room(figure))
    caption = "".join(f"<{tag}>{_words(text)}</{tag}>" for tag, text in (("b", title), ("span", note)) if text)
    name = f"figure-{number}"
    style = f' style="width:{drawn.layout.width}px"' if drawn.layout.width else ""
    data = drawn.to_json().replace("<", "\\u003c")
    call = f'{{const f = {data}; Plotly.newPlot("{name}", {{...f, config: {json.dumps(CONFIG)}}});}}'
    caption = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure>{caption}<div class="scroll"><div id="{name}"{style}></div></div></figure><script>{call}</script>'


def _words(text: str) -> str:
    return escape(unescape(text.replace("<br>", " ")))
