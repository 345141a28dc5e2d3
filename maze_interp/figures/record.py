"""Figures as JSON values and back, so that what an experiment drew can be shown again without measuring again."""

import json
from typing import Any

import plotly.graph_objects as go
import plotly.io

from maze_interp.figures.page import Html


def to_record(figure: go.Figure | Html) -> dict[str, Any]:
    """A JSON value that holds the whole figure."""
    if isinstance(figure, Html):
        return {"html": figure.markup}
    return {"plotly": json.loads(figure.to_json())}


def from_record(record: dict[str, Any]) -> go.Figure | Html:
    """The figure that `to_record` was given."""
    if "html" in record:
        return Html(record["html"])
    return plotly.io.from_json(json.dumps(record["plotly"]), skip_invalid=False)
