"""How much a text is like anything the model was taught; what is unlike everything goes to a person (C5, C7).

Three signs are read off the model itself: the score of the best label before calibration, its lead over the
second, and the share of known words. Two dearer ways were measured and gained nothing: distances to the
nearest examples, and weights learned by leaving labels out in turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ACCEPTED_SHARE: Final = 0.95
"""The share of texts of taught labels that the threshold lets through."""

SIGNS: Final = 3
_WEIGHTS: Final = (1.0, 0.5, 0.5)
_KNOTS: Final = 101
_LEAST_SPREAD: Final = 0.01


@dataclass(frozen=True, slots=True)
class ScopeModel:
    """Turns the signs of a text into a share in [0, 1]; below ``threshold`` it is unlike everything taught.

    A share of 0.1 says: one in ten texts of taught labels, judged by a model that had not seen them, looked
    less familiar than this one. ``knots`` are the rising scores at equal steps of that share.
    """

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[float, ...]
    knots: tuple[float, ...]
    threshold: float

    @classmethod
    def fit(cls, taught: Floats) -> ScopeModel:
        """Learn from the signs (texts × ``SIGNS``) of taught texts, each from a model that never saw it."""
        centre, spread = taught.mean(axis=0), taught.std(axis=0)
        # A sign that never varied among taught texts has no scale by which another text could be judged.
        varies = spread > _LEAST_SPREAD
        spread = np.where(varies, spread, 1.0)
        weights = np.array(_WEIGHTS) * varies
        scores = ((taught - centre) / spread) @ weights
        knots = np.quantile(scores, np.linspace(0.0, 1.0, _KNOTS))
        return cls(
            tuple(centre.tolist()),
            tuple(spread.tolist()),
            tuple(weights.tolist()),
            tuple(knots.tolist()),
            round(1.0 - ACCEPTED_SHARE, 6),
        )

    def shares(self, signs: Floats) -> Floats:
        """How familiar each text is, in [0, 1]; 0 is less familiar than every taught text."""
        scores = ((signs - np.array(self.centre)) / np.array(self.spread)) @ np.array(self.weights)
        return np.asarray(np.interp(scores, np.array(self.knots), np.linspace(0.0, 1.0, len(self.knots))))

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "centre": list(self.centre),
            "spread": list(self.spread),
            "weights": list(self.weights),
            "knots": list(self.knots),
            "threshold": self.threshold,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ScopeModel:
        """The model again. Raises ValueError, KeyError or TypeError for numbers that are not its own."""
        parts = {
            name: tuple(float(number) for number in stored[name])
            for name in ("centre", "spread", "weights", "knots")
        }
        lengths = {len(parts[name]) for name in ("centre", "spread", "weights")}
        if lengths != {SIGNS} or len(parts["knots"]) < 2 or not all(parts["spread"]):
            raise ValueError("The numbers of the stored scope do not fit each other.")
        return cls(**parts, threshold=float(stored["threshold"]))


def signs_of(scores: Floats, known: NDArray[np.floating[Any]]) -> Floats:
    """The signs (texts × ``SIGNS``) from raw scores (texts × labels) and the shares of known words."""
    best = np.partition(scores, scores.shape[1] - 2, axis=1)[:, -2:]
    return np.column_stack([best[:, 1], best[:, 1] - best[:, 0], known]).astype(np.float64)
