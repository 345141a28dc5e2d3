"""What a result looks like: mazes, curves, heat maps and attention as figures, and pages that hold them.

This room is the only door to plotly and circuitsvis. Its functions take arrays and tidy rows, never another room's
result types, and return a plotly figure or text; nothing is shown or written until a page is.
"""

from plotly.graph_objects import Figure

from maze_interp.figures.attention import AttentionMass, attention_mass, attention_on_maze, circuitsvis_attention
from maze_interp.figures.cards import card, histogram_svg, measure, side_by_side, token_markup
from maze_interp.figures.curves import Series, curves, intervals, series, training_curves
from maze_interp.figures.edge_panels import edges_on_maze
from maze_interp.figures.edges import draw_edges
from maze_interp.figures.heatmaps import heat_map
from maze_interp.figures.lattices import draw_lattice
from maze_interp.figures.mazes import draw_maze, gallery, wrong_moves
from maze_interp.figures.networks import network
from maze_interp.figures.page import Html, Section, Table, page_html, write_page
from maze_interp.figures.pictures import write_mazes
from maze_interp.figures.record import from_record, to_record
from maze_interp.figures.scatter import scatter
from maze_interp.figures.steps import attention_over_steps
from maze_interp.figures.style import finish, plain
from maze_interp.figures.svg import maze_svg, static_svg

__all__ = [
    "AttentionMass",
    "Figure",
    "Html",
    "Section",
    "Series",
    "Table",
    "attention_mass",
    "attention_on_maze",
    "attention_over_steps",
    "card",
    "circuitsvis_attention",
    "curves",
    "draw_edges",
    "draw_lattice",
    "draw_maze",
    "edges_on_maze",
    "finish",
    "from_record",
    "gallery",
    "heat_map",
    "histogram_svg",
    "intervals",
    "maze_svg",
    "measure",
    "network",
    "page_html",
    "plain",
    "scatter",
    "series",
    "side_by_side",
    "static_svg",
    "to_record",
    "token_markup",
    "training_curves",
    "write_mazes",
    "write_page",
    "wrong_moves",
]
