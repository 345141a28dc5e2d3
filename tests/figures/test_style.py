"""The house style: titles are text, room is made for them, and finishing twice is finishing once."""

import plotly.graph_objects as go

from maze_interp import figures
from maze_interp.figures import style


def test_finish_leaves_its_argument_alone_and_is_idempotent() -> None:
    bare = go.Figure(layout={"height": 300})
    once = figures.finish(bare, "A finding <--> here", "x (nats)", "y", note="how to read it")
    assert bare.layout.title.text is None
    assert bare.layout.height == 300
    assert once == figures.finish(once, "A finding <--> here", "x (nats)", "y", note="how to read it")
    assert once.layout.title.text == "A finding &lt;--&gt; here"
    assert once.layout.xaxis.title.text == "x (nats)"


def test_a_long_title_is_broken_and_gets_its_room() -> None:
    short = figures.finish(go.Figure(layout={"height": 300}), "short")
    long = figures.finish(go.Figure(layout={"height": 300}), "many words " * 30)
    assert "<br>" in long.layout.title.text
    more = style.title_room(long) - style.title_room(short)
    assert more > 0
    assert long.layout.margin.t - short.layout.margin.t == more
    assert long.layout.height - short.layout.height == more


def test_backgrounds_are_transparent_and_colours_are_distinct() -> None:
    layout = figures.finish(go.Figure(), "t").layout.template.layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0, 0, 0, 0)"
    assert len(set(style.OKABE_ITO)) == len(style.OKABE_ITO) == 7
    assert style.INK not in style.OKABE_ITO


def test_inlined_libraries_cannot_end_their_script() -> None:
    source = 'a = "</script>"; b = "<!--";'
    inlined = style.inside_script(source)
    assert "</script" not in inlined
    assert "<!--" not in inlined
    assert inlined.replace("\\", "") == source
