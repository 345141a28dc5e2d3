"""What can be read of a maze, drawn: facts by site beside their controls, published scores, mazes as decoded."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from maze_interp import figures, mazes, probing
from maze_interp.figures import Figure, Series
from maze_interp.mazes import MazeBatch
from maze_interp.models import HookedTransformer
from maze_interp.probing import ProbeResult, Published
from maze_interp.tables import Row

SHOWN = 3  # mazes drawn as they are and as they are decoded
CHARTED = ("model", "untrained", "shuffled", probing.TASK)
INPUTS = ("majority", *probing.INPUTS)


def beside(result: ProbeResult, fact: str) -> dict[str, Row]:
    """The score of a fact at its best site, chosen on validation mazes, and those of all other features, by name."""
    site = probing.name_of(result.best[probing.target_of(fact)].site)
    rows = [row for row in result.scores if row.what["target"] == fact and row.what.get("site", site) == site]
    order = ("model", *probing.CONTROLS, "always yes", probing.TASK)
    return {row.what["features"]: row for row in sorted(rows, key=lambda row: order.index(row.what["features"]))}


def beyond(result: ProbeResult, facts: list[str], found: dict[str, list[str]]) -> Figure:
    """How far each fact's score exceeds its strongest control, by site."""
    sites, values = _matrix(facts, result.beyond, min)
    some = sum(bool(each) for each in found.values())
    title = f"{some} of {len(facts)} facts are read beyond every control at some site"
    value = "beyond the strongest control"
    return figures.heat_map(values, facts, sites, title=title, centre=0.0, x="site", y="fact", value=value)


def beyond_shuffled(result: ProbeResult, facts: list[str]) -> Figure:
    """How far each fact's score exceeds that of a probe fitted to other mazes' labels, by site."""
    rows = [row for row in result.beyond if row.measure == "beyond shuffled"]
    sites, values = _matrix(facts, rows, max)
    some = len({row.what["target"] for row in rows if probing.sign(row) > 0})
    title = f"{some} of {len(facts)} facts are read better at some site than by a probe of other mazes' labels"
    value = "beyond shuffled labels"
    return figures.heat_map(values, facts, sites, title=title, centre=0.0, x="site", y="fact", value=value)


def selectivity(result: ProbeResult, facts: list[str]) -> Figure:
    """How far each fact's score exceeds the same probe's on a control task, by site."""
    sites, values = _matrix(facts, result.selectivity, max)
    some = len({row.what["target"] for row in result.selectivity if probing.sign(row) > 0})
    title = f"{some} of {len(facts)} facts are read better at some site than labels learned by heart"
    value = "beyond the control task"
    return figures.heat_map(values, facts, sites, title=title, centre=0.0, x="site", y="fact", value=value)


def by_site(result: ProbeResult, fact: str) -> Figure:
    """One fact's score by site, with the controls that have none as level lines."""
    rows = [row for row in result.scores if row.what["target"] == fact]
    sites = list(dict.fromkeys(row.what["site"] for row in rows if "site" in row.what))
    place = np.arange(len(sites), dtype=float)
    lines = [
        _line(name, place, [row for row in rows if row.what["features"] == name for _ in (sites if level else [0])])
        for names, level in ((CHARTED, False), (INPUTS, True))
        for name in names
    ]
    best = beside(result, fact)["model"]
    title = f"{fact}: {best.measure} {best.value:.3f} at {best.what['site']}, the best site on validation mazes"
    chart = figures.curves(lines, title=title, x="site", y=f"{best.measure}, 95% interval")
    return chart.update_xaxes(tickmode="array", tickvals=place, ticktext=sites, range=[-0.5, len(sites) - 0.5])


def beside_published(known: Published, result: ProbeResult) -> Figure:
    """The score after each layer, the published model's and this one's, with this one's controls."""
    ours = after_layers(known.target, result)
    bag, always = (_input(result, known.target, name) for name in ("tokens", "always yes"))
    layers = np.arange(float(max(len(known.after_layer), len(ours["model"]))))
    lines = [
        Series(
            f"published ({known.rows} x {known.cols})",
            np.arange(float(len(known.after_layer))),
            np.array(known.after_layer),
        )
    ]
    lines += [_line(name, np.arange(float(len(rows))), rows) for name, rows in ours.items()]
    lines += [_line(name, layers, [row] * len(layers)) for name, row in (("tokens", bag), ("always yes", always))]
    best, theirs = beside(result, known.target)["model"], max(known.after_layer)
    title = (
        f"{known.target}: {best.value:.3f} at {best.what['site']}, {bag.value:.3f} from a bag of tokens; published "
        f"up to {theirs:.3f}"
    )
    return figures.curves(lines, title=title, x="after layer", y=f"{best.measure}, 95% interval")


def after_layers(target: str, result: ProbeResult) -> dict[str, list[Row]]:
    """The rows of the model and of the untrained network, layer by layer."""
    rows = [row for row in result.scores if row.what["target"] == target]
    return {
        name: [row for row in rows if row.what["features"] == name and row.what["site"].startswith("resid_post:")]
        for name in ("model", "untrained")
    }


def _input(result: ProbeResult, target: str, name: str) -> Row:
    (row,) = [row for row in result.scores if (row.what["target"], row.what["features"]) == (target, name)]
    return row


def drawn(result: ProbeResult, model: HookedTransformer, asked: probing.Asked) -> dict[str, Figure]:
    """The first test mazes beside what is decoded of their passages."""
    if "passage" not in result.best:
        return {}
    first = np.flatnonzero(np.bincount(asked.maze) > 0)[:SHOWN]
    batch, best = asked.mazes[first], result.best["passage"]
    some = probing.ask(model.maze_tokenizer, batch, result.recipe.position, seed=0)
    once = np.searchsorted(some.maze, np.arange(len(batch)))
    outputs = probing.predicted(best, model, some)[once]
    read = MazeBatch(probing.decoded(outputs, batch.rows, batch.cols), batch.start, batch.goal)
    wrong = (read.passages != batch.passages).sum(axis=(1, 2, 3))
    names = [f"maze {i + 1}" for i in range(len(batch))] + [f"decoded, {count} passages wrong" for count in wrong]
    both = MazeBatch(*(np.concatenate([getattr(batch, k), getattr(read, k)]) for k in ("passages", "start", "goal")))
    inner = len(mazes.edge_ids(batch.rows, batch.cols))
    title = (
        f"Mazes as they are and as they are read at {probing.name_of(best.site)}: {wrong.mean():.1f} of {inner} places "
        f"wrong in these, {inner * (1 - best.score):.1f} in all test mazes"
    )
    return {"decoded": figures.gallery(both, titles=names, title=title, columns=SHOWN)}


def _line(name: str, x: np.ndarray, rows: list[Row]) -> Series:
    value, low, high = (np.array([getattr(row, key) for row in rows], float) for key in ("value", "low", "high"))
    return Series(name, x, value, np.where(np.isnan(low), value, low), np.where(np.isnan(high), value, high))


def _matrix(
    facts: list[str], rows: list[Row], pick: Callable[[list[float]], float]
) -> tuple[list[str], Float[np.ndarray, "fact site"]]:
    """(sites, the picked value of each fact's rows at each of them)."""
    cells: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        cells.setdefault((row.what["target"], row.what["site"]), []).append(row.value)
    sites = list(dict.fromkeys(site for _, site in cells))
    return sites, np.array([[pick(cells[fact, site]) for site in sites] for fact in facts])
