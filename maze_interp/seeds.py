"""Where randomness comes from: one stream per (seed, index), and named seeds derived from a seed.

Two rules keep every result repeatable. Item `index` of anything random is a function of (seed, index) alone, so it
does not matter how large the batch was, how many threads ran or where a run was interrupted. And two different uses
of one seed never share a stream: each use derives its own seed by name, `derive(seed, "endpoints")`.

The compiled half is splitmix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators"): eight
bytes of state in a one-element array, so a kernel can keep one per maze at no cost.
"""

import hashlib
from typing import no_type_check

import numpy as np
from jaxtyping import Float
from numba import njit

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)


def derive(seed: int, *names: str | int) -> int:
    """A seed for one named use of `seed`: an int in [0, 2**63), the same on every machine and Python version.

    >>> derive(0, "endpoints") != derive(0, "edge order")
    True
    """
    text = "\x1f".join([str(int(seed)), *map(str, names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A numpy generator for one named use of `seed`."""
    return np.random.default_rng(derive(seed, *names))


def uniforms(seed: int, count: int, draws: int, *, first: int = 0) -> Float[np.ndarray, "item draw"]:
    """Uniform numbers in [0, 1), float64: row i is the start of stream (seed, first + i), however many are drawn."""
    out = np.empty((count, draws))
    _uniforms(seed, first, out)
    return out


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def mix(z):
    """The splitmix64 finaliser: a bijection of the 64-bit integers that scatters every bit."""
    z = (z ^ (z >> np.uint64(30))) * MIX_1
    z = (z ^ (z >> np.uint64(27))) * MIX_2
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def begin(state, seed, index):
    """Set the one-element uint64 array `state` to the start of stream (seed, index)."""
    state[0] = mix(mix(np.uint64(seed) + GOLDEN) + GOLDEN * (np.uint64(index) + np.uint64(1)))


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def below(state, n):
    """A uniform integer in [0, n) for 1 <= n < 2**32; its bias is below n / 2**32."""
    state[0] += GOLDEN
    return np.int64(((mix(state[0]) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def uniform(state):
    """A uniform float64 in [0, 1) with 53 random bits."""
    state[0] += GOLDEN
    return np.float64(mix(state[0]) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True)
@no_type_check
def _uniforms(seed, first, out):
    state = np.empty(1, np.uint64)
    for i in range(out.shape[0]):
        begin(state, seed, first + i)
        for k in range(out.shape[1]):
            out[i, k] = uniform(state)
