"""Linear probes, all outputs at once: ridge regression in closed form, logistic regression in the next room.

Ridge needs the second moments of features and outputs and nothing else, so it may be fitted to a stream of any length.
One eigendecomposition serves all penalties and outputs. The objective is

    mean (features @ weight + bias - output)² + penalty * mean feature variance * |weight|²

so that a penalty means the same whatever the features' scale. The penalty is chosen on validation mazes, one for each
target. Outputs that are unknown for some samples are fitted to the others: outputs known for the same samples together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from maze_interp import recipes
from maze_interp.probing import logistic

METHODS = ("ridge", "logistic")
PENALTIES = (1e-6, 1e-4, 1e-2, 1e-1, 1.0)
ROUNDING = (
    1e-11  # features vary along a direction if by more than this share of their mean square; probes know no other
)
Rows = Num[np.ndarray, "sample feature"]
Outputs = Float[np.ndarray, "sample output"]


@dataclass(frozen=True)
class Moments:
    """Sums over samples of features x, outputs y and their products; what ridge regression needs of a stream."""

    count: float
    x: Float[np.ndarray, " feature"]
    y: Float[np.ndarray, " output"]
    xx: Float[np.ndarray, "feature feature"]
    xy: Float[np.ndarray, "feature output"]
    yy: Float[np.ndarray, " output"]

    def __add__(self, other: "Moments") -> "Moments":
        names = ("count", "x", "y", "xx", "xy", "yy")
        return Moments(*(getattr(self, name) + getattr(other, name) for name in names))


@dataclass(frozen=True)
class Fit:
    """A fitted map from features to outputs; where `link`, the output is the logistic function of the linear map."""

    weight: Float[np.ndarray, "feature output"]
    bias: Float[np.ndarray, " output"]
    penalty: Float[np.ndarray, " output"]
    link: Bool[np.ndarray, " output"]

    def part(self, which: slice) -> "Fit":
        """The fit of some outputs."""
        return Fit(self.weight[:, which], self.bias[which], self.penalty[which], self.link[which])

    def predict(self, features: Rows) -> Outputs:
        """The outputs for these features; a choice's are as high as it is likely."""
        linear = features @ self.weight.astype(np.float32) + self.bias.astype(np.float32)
        return np.where(self.link, logistic.sigmoid(linear), linear)


def moments(x: Rows, y: Outputs) -> Moments:
    """The moments of some samples, all of whose outputs are known; those of more are their sum."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    return Moments(float(len(x)), x.sum(0), y.sum(0), x.T @ x, x.T @ y, (y**2).sum(0))


def ridge(
    seen: Moments, penalties: Sequence[float]
) -> tuple[Float[np.ndarray, "penalty feature output"], Float[np.ndarray, "penalty output"]]:
    """(weights, biases) of least squares under each penalty."""
    mean_x, mean_y = seen.x / seen.count, seen.y / seen.count
    values, basis = np.linalg.eigh(seen.xx / seen.count - np.outer(mean_x, mean_x))
    varies = values > ROUNDING * np.trace(seen.xx) / seen.count
    values, basis = values[varies], basis[:, varies]
    scale = values.sum() / len(mean_x)
    along = basis.T @ (seen.xy / seen.count - np.outer(mean_x, mean_y))
    weights = np.stack([basis @ (along / (values + penalty * scale)[:, None]) for penalty in penalties])
    return weights, mean_y - np.einsum("f,pfo->po", mean_x, weights)


def squared_error(
    weights: Float[np.ndarray, "penalty feature output"],
    biases: Float[np.ndarray, "penalty output"],
    unseen: Moments,
) -> Float[np.ndarray, "penalty output"]:
    """The mean squared error of each output on samples of these moments."""
    quadratic = np.einsum("pfo,fg,pgo->po", weights, unseen.xx, weights, optimize=True)
    crossed = np.einsum("pfo,fo->po", weights, unseen.xy) - biases * np.einsum("pfo,f->po", weights, unseen.x)
    total = unseen.yy + quadratic - 2 * crossed + unseen.count * biases**2 - 2 * biases * unseen.y
    return total / unseen.count


def fit(
    train: tuple[Rows, Outputs],
    validation: tuple[Num[np.ndarray, "unseen feature"], Float[np.ndarray, "unseen output"]],
    owner: Int[np.ndarray, " output"],
    *,
    by_likelihood: Bool[np.ndarray, " output"] | None = None,
    penalties: Sequence[float] = PENALTIES,
) -> Fit:
    """The best linear maps to all outputs: by likelihood where told (outputs of 0 and 1), by least squares elsewhere.

    `owner` says which outputs share a penalty. Unknown outputs are NaN. An output of which all known values are
    alike is predicted to be so. Raises ValueError for an output of which nothing is known.
    """
    (x, y), (x_unseen, y_unseen) = train, validation
    by_likelihood = np.zeros(y.shape[1], dtype=bool) if by_likelihood is None else by_likelihood
    weights = np.zeros((len(penalties), x.shape[1], y.shape[1]))
    biases, errors = np.zeros((2, len(penalties), y.shape[1]))
    for which, rows in _alike(y):
        if not rows.any():
            raise ValueError(f"nothing is known of output {int(which[0])}")
        for likely in (False, True):
            chosen = which[by_likelihood[which] == likely]
            if not len(chosen):
                continue
            find = logistic.logistic if likely else _least_squares
            weights[..., chosen], biases[:, chosen] = find(x[rows], y[rows][:, chosen], penalties)
    for which, rows in _alike(y_unseen):
        for likely in (False, True):
            chosen = which[by_likelihood[which] == likely]
            if len(chosen) and rows.any():
                lost = logistic.log_loss if likely else _error
                errors[:, chosen] = lost(
                    weights[..., chosen], biases[:, chosen], x_unseen[rows], y_unseen[rows][:, chosen]
                )
    spread = np.nanvar(y, axis=0)
    relative = np.where(spread > 0, errors / np.where(spread > 0, spread, 1.0), 0.0)
    best = np.zeros(y.shape[1], dtype=int)
    for one in np.unique(owner):
        best[owner == one] = relative[:, owner == one].sum(axis=1).argmin()
    output = np.arange(y.shape[1])
    return Fit(weights[best, :, output].T, biases[best, output], np.asarray(penalties)[best], by_likelihood)


def _least_squares(x: Rows, y: Outputs, penalties: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    return ridge(moments(x, y), penalties)


def _error(weights: np.ndarray, biases: np.ndarray, x: Rows, y: Outputs) -> np.ndarray:
    return squared_error(weights, biases, moments(x, y))


def _alike(y: Outputs) -> Iterator[tuple[Int[np.ndarray, " some"], Bool[np.ndarray, " sample"]]]:
    """Outputs known for the same samples, and those samples."""
    known = ~np.isnan(y)
    groups: dict[bytes, list[int]] = {}
    for output, mask in enumerate(np.packbits(known, axis=0).T):
        groups.setdefault(mask.tobytes(), []).append(output)
    for members in groups.values():
        yield np.array(members), known[:, members[0]]


def check_method(method: str) -> None:
    """Raise ValueError for an unknown way to fit."""
    if method not in METHODS:
        raise recipes.unknown("way to fit a probe", method, METHODS)
