"""From raw scores to honest probabilities, fitted on out-of-fold scores only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Below this share of known words the answer leans on the class prior in proportion.
TRUSTED_KNOWN_SHARE = 0.3
_ENOUGH_FOR_ISOTONIC = 1_000


def softmax(scores: Floats) -> Floats:
    """Row-wise softmax."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def margins(scores: Floats) -> Floats:
    """Distance between the best and the second score of each row."""
    best = np.partition(scores, scores.shape[1] - 2, axis=1)[:, -2:]
    return np.asarray(best[:, 1] - best[:, 0])


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A temperature for the whole distribution and, with enough data, a monotone map for its top.

    ``knots`` maps the margin to the share that was right; empty means the temperature alone decides.
    """

    temperature: float
    knots: tuple[tuple[float, float], ...] = ()

    @property
    def method(self) -> str:
        """The name shown to people."""
        return "isotonic" if self.knots else "temperature"

    def probabilities(self, scores: Floats, prior: Floats, known_share: Floats) -> Floats:
        """Calibrated class probabilities, drawn to the prior where the text is mostly unknown."""
        found = softmax(scores / self.temperature)
        if self.knots:
            found = self._with_top(found, margins(scores))
        trust = np.clip(known_share / TRUSTED_KNOWN_SHARE, 0.0, 1.0)[:, None]
        return np.asarray(trust * found + (1.0 - trust) * prior)

    def _with_top(self, found: Floats, distance: Floats) -> Floats:
        """Give the best class the learned confidence and scale the others to what is left."""
        at, right = np.array(self.knots).T
        rows, top = np.arange(len(found)), found.argmax(axis=1)
        wanted = np.interp(distance, at, right)
        rest = np.maximum(1.0 - found[rows, top], 1e-12)
        scaled = found * ((1.0 - wanted) / rest)[:, None]
        scaled = np.minimum(scaled, wanted[:, None])
        scaled[rows, top] = wanted
        return np.asarray(scaled)

    @classmethod
    def fit(cls, scores: Floats, truth: Ints, *, seed: int = 0) -> Calibrator:
        """Choose between temperature and isotonic by the squared error on held-out halves."""
        plain = cls(fit_temperature(scores, truth))
        if len(truth) < _ENOUGH_FOR_ISOTONIC:
            return plain
        half = np.random.default_rng(seed).permutation(len(truth)) % 2 == 0
        errors = {"temperature": 0.0, "isotonic": 0.0}
        for fitted, held in ((half, ~half), (~half, half)):
            temperature = fit_temperature(scores[fitted], truth[fitted])
            knots = fit_isotonic(scores[fitted], truth[fitted])
            for method, used in (("temperature", ()), ("isotonic", knots)):
                errors[method] += _squared_error(cls(temperature, used), scores[held], truth[held])
        if errors["isotonic"] < errors["temperature"]:
            return cls(plain.temperature, fit_isotonic(scores, truth))
        return plain


def _squared_error(calibrator: Calibrator, scores: Floats, truth: Ints) -> float:
    everything_known = np.ones(len(scores))
    found = calibrator.probabilities(scores, np.zeros(scores.shape[1]), everything_known)
    right = found.argmax(axis=1) == truth
    return float(((found.max(axis=1) - right) ** 2).sum())


def fit_temperature(scores: Floats, truth: Ints) -> float:
    """The temperature with the least log loss."""
    rows = np.arange(len(truth))

    def log_loss(log_temperature: float) -> float:
        found = softmax(scores / np.exp(log_temperature))
        return float(-np.log(found[rows, truth] + 1e-12).mean())

    best = minimize_scalar(log_loss, bounds=(np.log(0.01), np.log(20.0)), method="bounded")
    return float(np.exp(best.x))


def fit_isotonic(scores: Floats, truth: Ints, least: int = 20) -> tuple[tuple[float, float], ...]:
    """A rising, piecewise linear map from margin to the share that was right.

    Pool-adjacent-violators over groups of ``least`` answers; each group is smoothed by half an answer on
    either side, so that no finite number of right answers promises certainty.
    """
    return _rising(margins(scores), (scores.argmax(axis=1) == truth).astype(float), least)


@dataclass(frozen=True, slots=True)
class ConfidenceMap:
    """From a confidence an engine states to the share that was right where the outcome is known."""

    knots: tuple[tuple[float, float], ...]

    @classmethod
    def fit(cls, outcomes: Sequence[tuple[float, bool]], least: int = 10) -> ConfidenceMap:
        """Fit on pairs of stated confidence in [0, 1] and whether the answer was right."""
        stated, right = np.array(outcomes, dtype=np.float64).T
        return cls(_rising(stated, right, least))

    def __call__(self, stated: float) -> float:
        """The earned confidence in [0, 1]."""
        at, right = np.array(self.knots).T
        return float(np.interp(stated, at, right))


def _rising(distance: Floats, right: Floats, least: int) -> tuple[tuple[float, float], ...]:
    """Pool adjacent violators; knots of (mean distance, smoothed share that was right).

    Of equal distances the right answers come first, so that they end in one pool with the wrong ones.
    """
    order = np.lexsort((-right, distance))
    groups = max(len(order) // least, 1)
    pools: list[list[float]] = []  # [sum of margins, right, count]
    for part in np.array_split(order, groups):
        pools.append([float(distance[part].sum()), float(right[part].sum()), float(len(part))])
        while len(pools) > 1 and pools[-2][1] / pools[-2][2] >= pools[-1][1] / pools[-1][2]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    knots = [(total / count, (hits + 0.5) / (count + 1.0)) for total, hits, count in pools]
    values = np.maximum.accumulate([value for _, value in knots])
    return tuple((at, float(value)) for (at, _), value in zip(knots, values, strict=True))
