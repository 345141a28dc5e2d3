"""A tree finds the feature that tells, as scikit-learn's does, and nothing in noise that holds elsewhere."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from maze_interp.steering import trees


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_it_is_the_tree_of_scikit_learn(depth):
    """Features of few values, all of whose thresholds are tried; labels that no two questions tell equally well."""
    rng = np.random.default_rng(depth)
    x = rng.integers(0, 5, size=(300, 6)).astype(float)
    has = (x[:, 1] > 2) & (x[:, 4] > 1) | (rng.random(300) < 0.15)
    mine = trees.grow(x, has, trees.thresholds(x), depth=depth)
    theirs = DecisionTreeClassifier(max_depth=depth, class_weight="balanced", random_state=0).fit(x, has)
    np.testing.assert_array_equal(mine.predict(x), theirs.predict(x))
    assert (mine.feature[0], mine.threshold[0]) == (theirs.tree_.feature[0], theirs.tree_.threshold[0])


def test_a_planted_feature_is_found_with_its_sign_and_noise_tells_nothing_elsewhere():
    """Noise: on fresh samples within five standard errors of chance, which fails once in a million."""
    rng = np.random.default_rng(0)
    x, fresh = rng.random((2, 2000, 30))
    for sign in (1, -1):
        tree = trees.grow(x, sign * x[:, 7] > sign * 0.6, trees.thresholds(x, 16), depth=1)
        assert tree.signs() == {7: sign}
        assert abs(tree.threshold[0] - 0.6) < 0.04
    null = trees.grow(x, rng.random(2000) < 0.5, trees.thresholds(x), depth=2)
    assert abs((null.predict(fresh) == (rng.random(2000) < 0.5)).mean() - 0.5) < 5 * 0.5 / 2000**0.5


def test_pure_nodes_are_leaves_and_one_kind_is_refused():
    x = np.array([[0.0], [0.0], [1.0]])
    tree = trees.grow(x, x[:, 0] > 0, trees.thresholds(x), depth=3)
    assert (tree.feature != trees.LEAF).sum() == 1
    with pytest.raises(ValueError, match="0 of 3 samples"):
        trees.grow(x, x[:, 0] > 2, trees.thresholds(x))
