"""Looking again and again at the same question: how much doubt each look may spend (C24)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from classifier.engine.paired import PairedTest

GROWTH: Final = 1.25
"""Another look has to see a quarter more: one at nearly the same texts costs doubt and shows nothing new."""


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks taken so far against one model in use, and the texts the last of them could see."""

    taken: int = 0
    texts: int = 0

    @property
    def next_at(self) -> int:
        """The number of texts from which another look is due."""
        return max(1, math.ceil(self.texts * GROWTH))

    def bound(self, alpha: float) -> float:
        """What the p-value of the next look has to stay below: alpha · 6 / (π² k²) for the k-th.

        The bounds of all looks there can ever be add up to ``alpha``, so a model that is no better passes at
        any of them with at most that probability, however the looks depend on each other (Boole).
        """
        return alpha * 6 / (math.pi * (self.taken + 1)) ** 2

    def can_pass(self, test: PairedTest, alpha: float) -> bool:
        """Whether any split of so many differences could pass; if none can, nothing was looked at.

        That depends on how many differences there are, not on whom they favour, so skipping spends nothing.
        """
        return 0.5 ** (test.gained + test.lost) < self.bound(alpha)

    def after(self, texts: int) -> Looks:
        """The state once a look at so many texts is taken."""
        return Looks(self.taken + 1, texts)
