"""Does the model walk the maze that its residual stream is made to hold: can a passage be added, removed, or moved?

In trees that differ in one passage, the network's reading of the prompt is pushed at one depth to say that a passage is
open or closed, in several ways and at growing strength. Success is the exact solution of the maze that was wished for,
beside no change, the same wish in the prompt (an upper bound), changes as large in random directions, and changes that
wish for another passage. Adding and removing lead to and fro between the same prompts. Depth and place of the push,
and the strength at which they are compared, are chosen on validation mazes. Published (arXiv 2412.11867): features of
sparse autoencoders at the `;` add 35-93% of passages and remove 0-95%. Predictions: adding is easier than removing, and
pushing at the `;` of the edge after the first layer is as good as any place (this was refuted at a first look at one
model, after which the words behind the list of edges became places to choose from).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Int

from maze_interp import mazes, models, recipes, seeds, steering, training
from maze_interp.experiments import steer_passages_page as page
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress, counter
from maze_interp.mazes import MazeBatch, Pairs, PathBatch
from maze_interp.models import HookedTransformer, Site
from maze_interp.steering import NO_EDGE, PLACES, AutoencoderRecipe, Spoken, Wish, autoencoders, features
from maze_interp.tables import Row, paired_difference, proportion

CHOOSES = ("regression", 2.0)  # what place and depth are chosen with
AS = (page.STEERED, page.RANDOM, page.ANOTHER)
Solved = np.ndarray  # of each maze, whether it is walked as wished; validation mazes are not as many


@dataclass(frozen=True)
class Settings:
    """The run; in how many test mazes, and validation mazes, pairs are looked for; how many mazes are learned from.

    `place` is one of steering.PLACES, or "" to choose it on validation mazes; `layer` the one behind which the stream
    is changed, or -1 to choose it. `methods` are those of steering.METHODS, and "topk" and "gated": by features of a
    sparse autoencoder of that kind, trained at that depth and place as `autoencoder` says.
    """

    run: str = ""
    mazes: int = 300
    learn: int = 1500
    methods: tuple[str, ...] = tuple(steering.METHODS)
    strengths: tuple[float, ...] = (1.0, 2.0, 4.0)
    place: str = ""
    layer: int = -1
    autoencoder: AutoencoderRecipe = field(default_factory=lambda: AutoencoderRecipe(active=16))
    seed: int = 0


@dataclass(frozen=True)
class Bench:
    """What every walk needs: the model, what training prompts hold by depth and place, the seed, and who is told."""

    model: HookedTransformer
    spoken: list[list[Spoken]]
    autoencoder: AutoencoderRecipe
    unseen: MazeBatch
    seed: int
    told: Callable[[], None]


@dataclass(frozen=True)
class Push:
    """A way to steer, fitted: a mover for each part of a place, behind a layer."""

    place: str
    layer: int
    movers: list[steering.Mover]
    features: dict[str, float] = field(default_factory=dict)


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Success of every way to steer beside its controls, for passages moved, added and removed. Counts walks."""
    trained = training.open_run(settings.run)
    model, seed = trained.model(), seeds.derive(settings.seed, "steer_passages")
    layers, places = _choices(settings, model)
    learned, unseen = (
        mazes.take(trained.recipe.world, count, seed=seed, split=split)[0]
        for count, split in ((settings.learn, mazes.TRAIN), (settings.mazes, mazes.VALIDATION))
    )
    tried, asked = (
        steering.wishes(_pairs(batch, seed), model.maze_tokenizer, seed=seed)
        for batch in (unseen, held_out_mazes(trained, settings.mazes, seed=seed))
    )
    ways = len(settings.methods) * len(settings.strengths)
    told = counter(progress, len(layers) * len(places) + ways + len(asked) * (2 + ways * len(AS)))
    bench = Bench(
        model, steering.spoken(model, learned, max(layers) + 1, seed=seed), settings.autoencoder, unseen, seed, told
    )
    move = tried["move"]
    chosen = [
        proportion(page.SUCCESS, _steered(bench, move, _push(bench, CHOOSES[0], place, layer), CHOOSES[1]), **at)
        for place in places
        for layer in layers
        for at in [{"place": place, "layer": layer}]
    ]
    best = max(chosen, key=lambda row: row.value)
    pushes = {name: _push(bench, name, best.what["place"], best.what["layer"]) for name in settings.methods}
    solved = {
        (kind, method, strength, as_): _steered(bench, wish, push, strength, as_)
        for method, push in pushes.items()
        for strength in settings.strengths
        for kind, wish, each_as in [("validation", move, AS[:1]), *((kind, one, AS) for kind, one in asked.items())]
        for as_ in each_as
    }
    plain = {
        (kind, as_): _walked(bench, wish, as_ == page.PROMPT)
        for kind, wish in asked.items()
        for as_ in (page.UNTOUCHED, page.PROMPT)
    }
    sparse = {method: push.features for method, push in pushes.items() if push.features}
    return findings(chosen, best, asked, solved, plain, sparse, settings)


def findings(
    chosen: Sequence[Row],
    best: Row,
    asked: dict[str, Wish],
    solved: dict[tuple[str, str, float, str], Solved],
    plain: dict[tuple[str, str], Solved],
    sparse: dict[str, dict[str, float]],
    settings: Settings,
) -> Findings:
    """Shares, the asymmetry of adding and removing, and pictures."""
    rows = [
        proportion(page.SUCCESS, found, wish=kind, method="", strength=0.0, **{"as": as_})
        for (kind, as_), found in plain.items()
    ] + [
        proportion(page.SUCCESS, found, wish=kind, method=method, strength=strength, **{"as": as_})
        for (kind, method, strength, as_), found in solved.items()
        if kind != "validation"
    ]
    strength = {
        method: max(settings.strengths, key=lambda one: solved["validation", method, one, page.STEERED].mean())
        for method in settings.methods
    }
    # the prompts of adding and of removing are each other's: what is solved in the prompt is asked of both
    able = plain["add", page.PROMPT] & plain["remove", page.PROMPT]
    apart = [
        paired_difference(
            page.ASYMMETRY,
            *(solved[kind, method, strength[method], page.STEERED][which] for kind in ("add", "remove")),
            seed=settings.seed,
            method=method,
            strength=strength[method],
            among=among,
        )
        for method in settings.methods
        for among, which in (("all", np.ones(len(able), bool)), ("both prompts solved", able))
    ]
    beyond = [
        paired_difference(
            page.BEYOND,
            solved[kind, method, strength[method], page.STEERED],
            solved[kind, method, strength[method], page.ANOTHER],
            seed=settings.seed,
            wish=kind,
            method=method,
        )
        for kind in asked
        for method in settings.methods
    ]
    return Findings(
        heading="Steering passages",
        sentences=[*page.sentences(rows, chosen, best, strength, apart, beyond), *page.of_features(sparse)],
        tables={"success": rows, "asymmetry": apart, "beyond": beyond, "where": chosen},
        figures=page.pictures(rows, chosen, best),
        numbers={page.name(row): row.value for row in [*rows, *apart]}
        | {f"{method}: {name}": value for method, told in sparse.items() for name, value in told.items()}
        | {"layer": float(best.what["layer"])},
    )


def _push(bench: Bench, method: str, place: str, layer: int) -> Push:
    spoken = steering.at(place, bench.spoken[layer + 1])
    if method in autoencoders.KINDS:
        return _by_features(bench, method, place, layer, spoken)
    return Push(place, layer, [steering.mover(method, one.values, one.has) for one in spoken])


def _by_features(bench: Bench, kind: str, place: str, layer: int, spoken: Sequence[Spoken]) -> Push:
    """Features of one autoencoder for all parts of a place, found anew for each part, and how good they are."""
    site, values = Site("resid_post", layer), np.concatenate([one.values for one in spoken])
    mark, recipe = models.fingerprint(bench.model), replace(bench.autoencoder, kind=kind, seed=bench.seed)
    learned = autoencoders.train(values, recipe, model=mark, site=f"resid_post:{layer}")
    found = [features.find(learned.encode(one.values), one.has) for one in spoken]
    tokens = bench.model.maze_tokenizer.encode(bench.unseen, mazes.solve(bench.unseen), seed=bench.seed)
    told = autoencoders.quality(learned, values)
    told["loss recovered"] = features.loss_recovered(bench.model, learned, site, tokens, steering.places(tokens, place))
    told["passages told by trees"] = float(np.mean([each for one in found for each in one.accuracy.values()]))
    return Push(place, layer, [features.by_features(learned, one) for one in found], told)


def _steered(bench: Bench, wish: Wish, push: Push, strength: float, as_: str = page.STEERED) -> Solved:
    """Which wishes come true when it is steered, or strays as far, or another passage is wished for."""
    removed, added = _another(wish, bench.seed) if as_ == page.ANOTHER else (wish.removed, wish.added)
    edits = [steering.edit(move, removed, added, strength) for move in push.movers]
    if as_ == page.RANDOM:
        edits = [steering.astray(edit, seed=seeds.derive(bench.seed, "astray", k)) for k, edit in enumerate(edits)]
    changes = steering.changes(wish, Site("resid_post", push.layer), push.place, edits)
    return _exactly(bench, wish, steering.walk(bench.model, wish.told, wish.prompts, changes).paths)


def _walked(bench: Bench, wish: Wish, rewritten: bool) -> Solved:
    prompts = wish.rewritten if rewritten else wish.prompts
    return _exactly(bench, wish, steering.walk(bench.model, wish.told, prompts).paths)


def _exactly(bench: Bench, wish: Wish, paths: PathBatch) -> Solved:
    bench.told()
    return mazes.paths.exact(paths, mazes.solve(wish.wished))


def _another(wish: Wish, seed: int) -> tuple[Int[np.ndarray, " maze"], Int[np.ndarray, " maze"]]:
    """Edges to take out and put in instead: open and closed ones that the wish is not about, drawn at random."""
    told, wished = (one.passages.reshape(len(wish), -1) for one in (wish.told, wish.wished))
    inner = np.isin(np.arange(told.shape[1]), mazes.edge_ids(wish.told.rows, wish.told.cols))
    draw = seeds.uniforms(seeds.derive(seed, "another"), len(wish), told.shape[1])
    removed = np.where(told & wished, draw, -1.0).argmax(axis=1)
    added = np.where(~told & ~wished & inner, draw, -1.0).argmax(axis=1)
    instead = [(wish.removed, removed), (wish.added, added)]
    out, put = (np.where(own == NO_EDGE, NO_EDGE, other) for own, other in instead)
    return out, put


def _pairs(batch: MazeBatch, seed: int) -> Pairs:
    return mazes.move_passage(batch, mazes.decisions(batch, mazes.solve(batch, seed=seed)), seed=seed, kind="flip")


def _choices(settings: Settings, model: HookedTransformer) -> tuple[Sequence[int], Sequence[str]]:
    """The layers and places to choose from. Raises ValueError for those that there are not."""
    layers = model.cfg.n_layers
    if not -1 <= settings.layer < layers:
        raise ValueError(f"layer must be one of -1..{layers - 1}, not {settings.layer}")
    if settings.place:
        steering.at(settings.place, PLACES)
    for method in settings.methods:
        if method not in (known := (*steering.METHODS, *autoencoders.KINDS)):
            raise recipes.unknown("way to steer", method, known)
    if not settings.methods or not settings.strengths:
        raise ValueError("name one way to steer and one strength or more")
    return (
        range(layers - 1) if settings.layer < 0 else [settings.layer],
        PLACES if not settings.place else [settings.place],
    )
