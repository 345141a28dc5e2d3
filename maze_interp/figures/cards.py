"""Many things of one kind on one page, a card each: small drawings in markup, where plotly would be too heavy.

`histogram_svg` draws whole numbers as bars, `token_markup` colours a token sequence by what each token is part of,
and `card` puts such pieces under a heading. The page's style sheet lays them out and colours them, light and dark.
"""

from collections.abc import Sequence
from html import escape

import numpy as np
from jaxtyping import Int

from maze_interp.figures.page import Html, paragraph
from maze_interp.tokens.batch import EDGE, GOAL, PAD, PATH, START

WIDE, HIGH, FOOT, SIDE = 250, 92, 30, 8  # user units: the bars, the numbers below them, and the room beside them
PARTS = {EDGE: "edge", START: "start", GOAL: "goal", PATH: "path"}


def card(heading: str, marks: Sequence[str], parts: Sequence[str | Html]) -> Html:
    """A heading with a few words beside it (a promise, say), and what stands below; a string is a paragraph."""
    beside = "".join(f'<span class="mark">{escape(mark)}</span>' for mark in marks)
    below = "".join(part.markup if isinstance(part, Html) else paragraph(part) for part in parts)
    return Html(f'<article class="card"><h3>{escape(heading)}{beside}</h3>{below}</article>\n')


def side_by_side(*parts: Html) -> Html:
    """Pieces in a row that wraps where the page is narrow."""
    return Html(f'<div class="row">{"".join(part.markup for part in parts)}</div>')


def measure(name: str, value: str, interval: str) -> Html:
    """One number, large, with its name and its interval."""
    return Html(
        f'<div class="measure"><b>{escape(value)}</b><span>{escape(name)}</span><small>{escape(interval)}</small></div>'
    )


def histogram_svg(values: Int[np.ndarray, " maze"], *, top: int, name: str) -> Html:
    """How often each whole number from 1 to `top` occurs, as bars over a marked mean, in SVG."""
    counts = np.bincount(values, minlength=top + 1)[1 : top + 1]
    step, mean = WIDE / top, float(values.mean())
    bars = "".join(
        f'<rect x="{SIDE + i * step + step * 0.08:.2f}" y="{HIGH - HIGH * n / counts.max():.2f}" '
        f'width="{step * 0.84:.2f}" height="{HIGH * n / counts.max():.2f}">'
        f"<title>{i + 1}: {n / len(values):.1%}</title></rect>"
        for i, n in enumerate(counts.tolist())
        if n
    )
    at = SIDE + (mean - 0.5) * step
    ticks = "".join(
        f'<text x="{SIDE + (tick - 0.5) * step:.2f}" y="{HIGH + 14}" text-anchor="middle">{tick}</text>'
        for tick in dict.fromkeys((1, round(top / 3), round(2 * top / 3), top))
        if tick
    )
    said = f"{name}: mean {mean:.1f}, from {values.min()} to {values.max()}"
    return Html(
        f'<svg class="histogram" width="{WIDE + 2 * SIDE}" height="{HIGH + FOOT}" viewBox="0 0 {WIDE + 2 * SIDE} '
        f'{HIGH + FOOT}" role="img" aria-label="{escape(said)}">{bars}'
        f'<line x1="{SIDE}" x2="{SIDE + WIDE}" y1="{HIGH}" y2="{HIGH}"/>'
        f'<line class="mean" x1="{at:.2f}" x2="{at:.2f}" y1="0" y2="{HIGH}"/>{ticks}'
        f'<text x="{SIDE + WIDE / 2}" y="{HIGH + 28}" text-anchor="middle">{escape(name)}</text></svg>'
    )


def token_markup(tokens: Sequence[str], part: Int[np.ndarray, " position"]) -> Html:
    """A token sequence in which each token has the colour of its part; padding is left out."""
    words = [
        f'<i class="{PARTS[of]}">{escape(token)}</i>'
        for token, of in zip(tokens, part[: len(tokens)].tolist(), strict=True)
        if of != PAD
    ]
    return Html(f'<p class="tokens">{" ".join(words)}</p>')
