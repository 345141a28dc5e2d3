"""One look for every figure, readable on a light page and on a dark one.

Backgrounds are transparent and everything that is not data (text, axes, maze walls) is drawn in one mid grey that
reads on white and on black. A page made by `figures.page` goes further: its style sheet finds what was drawn in
exactly that grey and repaints it in the page's own ink, by `prefers-color-scheme`. Data colours are Okabe and Ito's
(2008, "Color Universal Design"), told apart by every common colour vision, their yellow darkened so that a line of it
shows on white; colour scales start transparent, so that zero is the page itself.
"""

import html
import textwrap

import plotly.graph_objects as go
import plotly.io

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#B9A700"
BLUE, VERMILLION, PURPLE = "rgb(0, 114, 178)", "#D55E00", "#CC79A7"
OKABE_ITO = (BLUE, ORANGE, GREEN, VERMILLION, SKY, PURPLE, YELLOW)
INK = "rgb(122, 126, 133)"
FAINT = "rgba(128, 132, 140, 0.3)"
CLEAR = "rgba(0, 0, 0, 0)"
SEQUENTIAL = (
    (0.0, "rgba(230, 159, 0, 0)"),
    (0.5, "rgba(230, 159, 0, 0.75)"),
    (1.0, "rgba(213, 94, 0, 1)"),
)
DIVERGING = (
    (0.0, "rgba(0, 114, 178, 1)"),
    (0.25, "rgba(86, 180, 233, 0.75)"),
    (0.5, "rgba(128, 128, 128, 0)"),
    (0.75, "rgba(230, 159, 0, 0.75)"),
    (1.0, "rgba(213, 94, 0, 1)"),
)
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"
WIDTH, CHARACTER = 760, 8.0  # pixels: a figure that names no width, and one character of a title

_AXIS = {
    "gridcolor": FAINT,
    "linecolor": INK,
    "tickcolor": INK,
    "zerolinecolor": FAINT,
    "zerolinewidth": 1,
    "automargin": True,
    "ticks": "outside",
    "ticklen": 4,
    "title": {"standoff": 10, "font": {"size": 13}},
}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 13, "color": INK},
        "title": {
            "x": 0.0,
            "xref": "container",
            "xanchor": "left",
            "y": 1.0,
            "yref": "container",
            "yanchor": "top",
            "pad": {"l": 12, "t": 12},
            "font": {"size": 15},
            "subtitle": {"font": {"size": 12, "color": INK}},
        },
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "colorway": OKABE_ITO,
        "margin": {"l": 64, "r": 24, "t": 24, "b": 56},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "legend": {"bgcolor": CLEAR, "font": {"size": 12}},
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "colorscale": {"sequential": SEQUENTIAL, "diverging": DIVERGING},
        "dragmode": "zoom",
        "modebar": {"bgcolor": CLEAR, "color": INK, "activecolor": BLUE},
    }
)
plotly.io.templates["maze_interp"] = TEMPLATE


def plain(text: str) -> str:
    """`text` shown as it is: plotly reads its own labels as HTML and would swallow a token such as `<-->`."""
    return html.escape(text, quote=False)


def inside_script(library: str) -> str:
    """The source of a script library, with no string in it that would end the script element it is inlined into."""
    return library.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def finish(figure: go.Figure, title: str, x: str = "", y: str = "", *, note: str = "") -> go.Figure:
    """A copy of `figure` in the house style, with its finding as the title and its axes named.

    Say in `title` what the figure shows ("Validation loss stops falling after 2 million mazes"), not what it is
    of, and put the unit into `x` and `y` ("loss (nats per token)"). An empty `x` or `y` leaves those axes as they are.
    `note` is one smaller line below the title that tells how to read the figure.
    """
    letters = int((figure.layout.width or WIDTH) / CHARACTER)
    lines = [plain(line) for line in textwrap.wrap(title, letters)]
    small = [plain(line) for line in textwrap.wrap(note, int(letters * 1.2))]
    head = {"text": "<br>".join(lines), "subtitle": {"text": "<br>".join(small) or None}}
    styled = go.Figure(figure).update_layout(template="maze_interp", title=head)
    more = title_room(styled) - title_room(figure)
    styled.update_layout(margin_t=top_margin(figure) + more)
    if figure.layout.height:
        styled.update_layout(height=figure.layout.height + more)
    if x:
        styled.update_xaxes(title_text=plain(x))
    if y:
        styled.update_yaxes(title_text=plain(y))
    return styled


def colour_bar(label: str) -> dict:
    """The key of a colour scale; its label, on top, names the unit."""
    lines = [plain(line) for line in textwrap.wrap(label, 15)]
    title = {"text": "<br>".join(lines) + "<br>\u00a0<br>\u00a0", "side": "top", "font": {"size": 12}}
    return {"title": title, "thickness": 12, "outlinewidth": 0, "ticks": "outside", "tickcolor": INK, "len": 1.0}


def title_room(figure: go.Figure) -> int:
    """The pixels that the title and the note below it take from the top margin."""
    title, note = figure.layout.title.text, figure.layout.title.subtitle.text
    return (20 * (title.count("<br>") + 1) + 10 if title else 0) + (17 * (note.count("<br>") + 1) if note else 0)


def top_margin(figure: go.Figure) -> int:
    """The top margin in pixels, the template's where the figure sets none."""
    margin = figure.layout.margin.t
    return int(TEMPLATE.layout.margin.t if margin is None else margin)
