"""How fast is a model read? Probes of every edge at every site, and logistic regression beside scikit-learn's.

Both regressions minimise the same objective, edge by edge in scikit-learn, all edges at once here. What is compared is
only worth it if both arrive at the same place: the rows say how far apart the objectives and the accuracies end.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
from contest import Row
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from maze_interp import mazes, models, probing
from maze_interp.mazes import World
from maze_interp.models import ModelConfig
from maze_interp.probing import linear, logistic

PENALTY = 1e-3
WAYS = [(solver, threads) for solver in ("lbfgs", "newton-cholesky") for threads in (1, 2)]
TRIED = 3  # edges by which scikit-learn's fastest way is found
ENOUGH = 5_000  # iterations of scikit-learn's, of which it needs some hundreds
MODEL = ModelConfig(layers=6, d_model=128, heads=4, positions="learned", rows=6, cols=6)
Matrix = np.ndarray


def probes(count: int = 20_000, unseen: int = 2_000) -> list[Row]:
    """Seconds to read `count` mazes at all seven sites of the residual stream and to fit all 60 edges at each, the
    penalty chosen on `unseen` of them."""
    model = models.build(MODEL, seed=0)
    batch = mazes.draw(World(), count, seed=0)
    sites = probing.sites_of(("resid_pre:0", "resid_post"), MODEL.layers, MODEL.heads)
    begin = time.perf_counter()
    asked = probing.ask(model.maze_tokenizer, batch, "path_start", seed=0)
    features, edges = probing.read(model, asked, sites), probing.labels(asked, ["passage"]).outputs
    spent = {"": time.perf_counter() - begin}
    for method, penalties in (("ridge", linear.PENALTIES), ("logistic", (PENALTY,))):
        begin = time.perf_counter()
        likely, owner = np.full(edges.shape[1], method == "logistic"), np.zeros(edges.shape[1], dtype=int)
        for x in features.values():
            train, validation = ((x[rows], edges[rows]) for rows in (slice(unseen, None), slice(unseen)))
            linear.fit(train, validation, owner, by_likelihood=likely, penalties=penalties)
        spent[method] = time.perf_counter() - begin
    what = f"probes of {edges.shape[1]} edges x {len(sites)} sites, {count:,} mazes of 6 x 6 read and fitted: s"
    said = f"{spent['']:.1f} of it to read"
    return [Row(f"{what}, {method}, once", f"{spent[''] + spent[method]:.1f}", said) for method in list(spent)[1:]]


def regressions(count: int = 4_000, unseen: int = 2_000, limits: tuple[int, ...] = (ENOUGH,)) -> list[Row]:
    """Logistic regression of 60 edges on 128 features of the fourth layer, raw and standardised.

    Raw features need more iterations than scikit-learn takes by itself (100): `limits` are those that it is given
    there.
    """
    model = models.build(MODEL, seed=0)
    (site,) = probing.sites_of(("resid_post:3",), MODEL.layers, MODEL.heads)
    asked = probing.ask(model.maze_tokenizer, mazes.draw(World(), count + unseen, seed=0), "path_start", seed=0)
    raw, edges = probing.read(model, asked, [site])[site], probing.labels(asked, ["passage"]).outputs
    return [
        _beside(name, limit, x[:count], edges[:count], x[count:], edges[count:])
        for name, x, each in (
            ("raw", raw, limits),
            ("standardised", (raw - raw.mean(axis=0)) / raw.std(axis=0), (ENOUGH,)),
        )
        for limit in each
    ]


def _beside(name: str, limit: int, x: Matrix, y: Matrix, x_unseen: Matrix, y_unseen: Matrix) -> Row:
    """A row for one scaling of the features and one limit to scikit-learn's iterations, solved in whichever of WAYS is
    fastest; it is slow, and timed once between three turns of ours."""
    scale = float(x.var(axis=0, dtype=np.float64).mean())

    def ours() -> tuple[Matrix, Matrix]:
        weights, biases = logistic.logistic(x, y, [PENALTY])
        return weights[0], biases[0]

    def theirs(solver: str, threads: int, edges: Matrix = y) -> tuple[Matrix, Matrix]:
        inverse = 1 / (PENALTY * scale * len(x))
        with threadpool_limits(threads):
            fits = [LogisticRegression(C=inverse, solver=solver, max_iter=limit).fit(x, edge) for edge in edges.T]
        return np.stack([fit.coef_[0] for fit in fits], axis=1), np.array([fit.intercept_[0] for fit in fits])

    def lost(weight: Matrix, bias: Matrix) -> float:
        odds = x.astype(np.float64) @ weight + bias
        return float(np.mean(np.logaddexp(0, odds) - y * odds) + PENALTY * scale / 2 * (weight**2).sum() / y.shape[1])

    def right(weight: Matrix, bias: Matrix) -> float:
        return float(np.mean((x_unseen @ weight + bias > 0) == (y_unseen > 0.5)))

    best = min(WAYS, key=lambda way: _timed(lambda: theirs(*way, edges=y[:, :TRIED]))[1])
    (mine, one), (other, beside), (_, two) = _timed(ours), _timed(lambda: theirs(*best)), _timed(ours)
    mine_spent = statistics.median([one, two, _timed(ours)[1]])
    gap, points = lost(*mine) - lost(*other), 100 * (right(*mine) - right(*other))
    what = f"logistic regression, {y.shape[1]} edges, {len(x):,} x {x.shape[1]} {name} features: s"
    apart = f"objective {gap:+.1e}, unseen accuracy {points:+.2f} points"
    how = f"{best[0]}, {best[1]} threads, the fastest of {len(WAYS)} ways, timed once, up to {limit:,} iterations"
    said = f"{beside:.2f} (scikit-learn, {how}; {apart})"
    return Row(what, f"{mine_spent:.2f}", said, beside / mine_spent)


def _timed(work: Callable[[], tuple[Matrix, Matrix]]) -> tuple[tuple[Matrix, Matrix], float]:
    begin = time.perf_counter()
    return work(), time.perf_counter() - begin
