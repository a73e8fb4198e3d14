"""Is one model better than another on texts that neither was taught: answers, and an exact test (C24)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.stats import binomtest

from classifier.engine.errors import ModelError
from classifier.engine.linear import FieldModel

PARTS = 10
ENOUGH_TEXTS = 1_000
"""So many judged texts show a difference of four points; more parts would only cost time."""

Side = Literal["two-sided", "greater"]

_CALIBRATION_FOLDS = 2


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text with its label. ``key`` names the text: equal keys are the same text."""

    key: str
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Two models on the same texts. ``gained``: only the new one is right; ``lost``: only the old one is.

    ``p_value`` is one-sided, for "the new one is better": that is the question a promotion asks.
    """

    judged: int
    new_right: int
    old_right: int
    gained: int
    lost: int
    p_value: float
    p_two_sided: float

    @property
    def both_right(self) -> int:
        """Texts on which neither is wrong."""
        return self.new_right - self.gained

    def shows_better(self, bound: float) -> bool:
        """Whether the new model wins more than it loses, and that is unlikely to be chance."""
        return self.gained > self.lost and self.p_value < bound

    def shows_worse(self, bound: float) -> bool:
        """The same the other way round."""
        return self.lost > self.gained and mcnemar_exact(self.lost, self.gained, "greater") < bound


def mcnemar_exact(gained: int, lost: int, side: Side = "two-sided") -> float:
    """The exact p-value of McNemar's test: how likely so uneven a split is for models that are equally good.

    ``greater`` counts only splits in favour of ``gained``. Texts on which both are right or both are wrong
    say nothing; 1.0 where there are no others.
    """
    if gained + lost == 0:
        return 1.0
    return float(binomtest(gained, gained + lost, 0.5, alternative=side).pvalue)


def compare_answers(truth: Sequence[str], new: Sequence[str], old: Sequence[str]) -> PairedTest:
    """Compare two models' answers to the same texts, in order. Raises ValueError for unequal lengths."""
    pairs = [(a == t, b == t) for t, a, b in zip(truth, new, old, strict=True)]
    gained = sum(a and not b for a, b in pairs)
    lost = sum(b and not a for a, b in pairs)
    return PairedTest(
        judged=len(pairs),
        new_right=sum(a for a, _ in pairs),
        old_right=sum(b for _, b in pairs),
        gained=gained,
        lost=lost,
        p_value=mcnemar_exact(gained, lost, "greater"),
        p_two_sided=mcnemar_exact(gained, lost),
    )


def part_of(key: str, parts: int = PARTS) -> int:
    """The part a text belongs to, in [0, parts); it depends on the text alone, so it never changes."""
    digest = hashlib.sha256(f"held out:{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % parts


def distinct(rows: Iterable[Labelled]) -> list[Labelled]:
    """One row a text, with its last label: the same alert a hundred times is one observation."""
    return list({row.key: row for row in rows}.values())


def held_out_answers(
    taught: Sequence[Labelled], judged: Sequence[Labelled], *, enough: int = ENOUGH_TEXTS
) -> tuple[list[Labelled], list[str]]:
    """The texts of ``judged`` with the answers of candidates that were not taught them.

    Part by part: a candidate is trained on every row of ``taught`` but the texts of the part, and answers the
    part. ``judged`` holds each text once. Stops after the part that reaches ``enough`` texts. A part whose
    rest cannot train a model is left out.
    """
    texts: list[Labelled] = []
    answers: list[str] = []
    for part in range(PARTS):
        held = [row for row in judged if part_of(row.key) == part]
        if not held or len(texts) >= enough:
            continue
        away = {row.key for row in held}
        rest = [row for row in taught if row.key not in away]
        try:
            # Few folds: they only calibrate, and calibration does not decide which answer comes first.
            model = FieldModel.train(
                [row.text for row in rest], [row.label for row in rest], folds=_CALIBRATION_FOLDS
            )
        except ModelError:
            continue
        texts += held
        answers += [answer.value for answer in model.predict([row.text for row in held])]
    return texts, answers


def compare_recipes(
    new: Sequence[Labelled], old: Sequence[Labelled], judged: Sequence[Labelled]
) -> PairedTest:
    """Compare what two training sets teach about texts that are in both: each answered by models without it.

    ``judged`` holds each text once.
    """
    texts, answers = held_out_answers(new, judged)
    known, others = held_out_answers(old, judged)
    before = {row.key: answer for row, answer in zip(known, others, strict=True)}
    pairs = [(row, answer) for row, answer in zip(texts, answers, strict=True) if row.key in before]
    return compare_answers(
        [row.label for row, _ in pairs],
        [answer for _, answer in pairs],
        [before[row.key] for row, _ in pairs],
    )
