"""One field's model: TF-IDF features, linear SVMs over several views, calibrated on out-of-fold scores."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from classifier.engine.calibration import Calibrator
from classifier.engine.errors import ModelError
from classifier.engine.explain import weigh_evidence
from classifier.engine.features import FeatureSettings, Vectorizer
from classifier.engine.metrics import Quality, measure
from classifier.engine.scope import ScopeModel, signs_of
from classifier.engine.types import Alternative, Evidence

# Above this the vocabulary is learned once for all folds (it sees no labels) and three folds suffice.
_LARGE = 20_000
_LARGE_FOLDS = 3
_ALTERNATIVES = 4
_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class FieldPrediction:
    """The answer for one text: best label, calibrated confidence, the labels after it.

    ``in_scope`` in [0, 1] says how familiar the text is (``ScopeModel``); ``is_in_scope`` whether that is
    enough. A model that was not taught a scope takes every text for familiar.
    """

    value: str
    confidence: float
    alternatives: tuple[Alternative, ...]
    known_share: float
    in_scope: float = 1.0
    is_in_scope: bool = True


@dataclass(frozen=True, slots=True)
class LinearWeights:
    """One score a label: ``matrix @ coefficients + intercepts``."""

    coefficients: NDArray[np.float32]
    intercepts: NDArray[np.float32]

    def scores(self, matrix: sp.csr_matrix) -> NDArray[np.float64]:
        """Raw scores of every row."""
        return np.asarray(matrix @ self.coefficients + self.intercepts, dtype=np.float64)


@dataclass(frozen=True)
class FieldModel:
    """A trained model of one field. Build it with ``train`` or ``artifacts.load_model``."""

    labels: tuple[str, ...]
    vectorizer: Vectorizer
    weights: LinearWeights
    calibrator: Calibrator
    prior: NDArray[np.float64]
    quality: Quality
    snapshot: str
    scope: ScopeModel | None = None

    @classmethod
    def train(
        cls,
        texts: Sequence[str],
        labels: Sequence[str],
        *,
        seed: int = 0,
        folds: int = 5,
        extra: Sequence[tuple[str, str]] = (),
        settings: FeatureSettings | None = None,
        with_scope: bool = False,
    ) -> FieldModel:
        """Train on labelled texts. ``extra`` pairs teach but are never measured.

        ``with_scope`` also learns which texts are unlike all of them.
        Raises ModelError with fewer than two labels or unequal lengths.
        """
        started = time.perf_counter()
        names = _checked_labels(texts, labels)
        place = {name: index for index, name in enumerate(names)}
        truth = np.array([place[label] for label in labels], dtype=np.int64)
        taught = [(text, place[label]) for text, label in extra if label in place]
        chosen = settings or FeatureSettings.for_texts(texts)
        trainer = _Trainer(list(texts), truth, taught, len(names), chosen, seed)
        vectorizer, weights = trainer.final()
        scores, known = trainer.out_of_fold(folds)
        prior = np.bincount(truth, minlength=len(names)) / len(truth)
        calibrator = Calibrator.fit(scores, truth, seed=seed)
        found = calibrator.probabilities(scores, prior, known.astype(np.float64))
        best = found.argmax(axis=1)
        quality = measure(
            list(labels),
            [names[index] for index in best],
            found[np.arange(len(best)), best].tolist(),
            names,
            seconds=time.perf_counter() - started,
        )
        scope = ScopeModel.fit(signs_of(scores, known)) if with_scope else None
        snapshot = snapshot_hash(texts, labels)
        return cls(names, vectorizer, weights, calibrator, prior, quality, snapshot, scope)

    def probabilities(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Calibrated probabilities (texts × labels) and the share of known words of each text."""
        matrix, known = self.vectorizer.transform(texts)
        return self._calibrated(self.weights.scores(matrix), known), known

    def predict(self, texts: Sequence[str]) -> list[FieldPrediction]:
        """Answer every text, in order."""
        answers: list[FieldPrediction] = []
        for start in range(0, len(texts), _BATCH):
            answers += self._answers(*self.vectorizer.transform(texts[start : start + _BATCH]))
        return answers

    def predict_explained(
        self, texts: Sequence[str], top: int = 8
    ) -> list[tuple[FieldPrediction, list[Evidence]]]:
        """Answer every text with the words that spoke for the answer; the features are computed once."""
        matrix, known = self.vectorizer.transform(texts)
        answers = self._answers(matrix, known)
        return [
            (answer, self._evidence(text, matrix[place], answer.value, top))
            for place, (text, answer) in enumerate(zip(texts, answers, strict=True))
        ]

    def explain(self, text: str, top: int = 8, value: str | None = None) -> list[Evidence]:
        """The words and phrases that spoke most for (or against) the answer, strongest first."""
        matrix, _ = self.vectorizer.transform([text])
        answer = value or self.predict([text])[0].value
        if answer not in self.labels:
            raise ModelError(f"The model has no label {answer!r}.")
        return self._evidence(text, matrix, answer, top)

    def _calibrated(self, scores: NDArray[np.float64], known: NDArray[np.float32]) -> NDArray[np.float64]:
        return self.calibrator.probabilities(scores, self.prior, known.astype(np.float64))

    def _answers(self, matrix: sp.csr_matrix, known: NDArray[np.float32]) -> list[FieldPrediction]:
        """The ranked answer of every row."""
        scores = self.weights.scores(matrix)
        found = self._calibrated(scores, known)
        kept = min(_ALTERNATIVES + 1, len(self.labels))
        order = np.argsort(-found, axis=1, kind="stable")[:, :kept]
        values = np.take_along_axis(found, order, axis=1).tolist()
        familiar = self.scope.shares(signs_of(scores, known)).tolist() if self.scope else [1.0] * len(found)
        threshold = self.scope.threshold if self.scope else 0.0
        answers = []
        for places, row, share, inside in zip(order.tolist(), values, known.tolist(), familiar, strict=True):
            ranked = [Alternative(self.labels[i], value) for i, value in zip(places, row, strict=True)]
            answers.append(
                FieldPrediction(
                    ranked[0].value, row[0], tuple(ranked[1:]), share, inside, inside >= threshold
                )
            )
        return answers

    def _evidence(self, text: str, matrix: sp.csr_matrix, answer: str, top: int) -> list[Evidence]:
        coefficients = self.weights.coefficients
        contrast = coefficients[:, self.labels.index(answer)] - self._mean_coefficients
        return weigh_evidence(self.vectorizer, text, matrix, contrast, top)

    @cached_property
    def _mean_coefficients(self) -> NDArray[np.float32]:
        """Averaging all weights for every explanation would cost more than the answer."""
        return np.asarray(self.weights.coefficients.mean(axis=1))


def snapshot_hash(texts: Sequence[str], labels: Sequence[str]) -> str:
    """A fingerprint of the labelled examples; their order does not matter."""
    rows = sorted(f"{label}\x1f{text}" for text, label in zip(texts, labels, strict=True))
    return hashlib.sha256("\x1e".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def _checked_labels(texts: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    if len(texts) != len(labels):
        raise ModelError(f"{len(texts)} texts came with {len(labels)} labels.")
    names = tuple(sorted(set(labels)))
    if len(names) < 2:
        raise ModelError("A model needs examples of at least two labels.")
    return names


def deal_folds(truth: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Deal the examples of each label evenly to the folds; works for labels with one example."""
    random = np.random.default_rng(seed)
    dealt = np.zeros(len(truth), dtype=np.int64)
    start = 0
    for label in np.unique(truth):
        members = random.permutation(np.flatnonzero(truth == label))
        dealt[members] = (start + np.arange(len(members))) % folds
        start += len(members)
    return dealt


@dataclass(frozen=True, slots=True)
class _Trainer:
    texts: list[str]
    truth: NDArray[np.int64]
    taught: list[tuple[str, int]]
    size: int
    settings: FeatureSettings
    seed: int

    def final(self) -> tuple[Vectorizer, LinearWeights]:
        """The model on everything."""
        return self._fit(np.arange(len(self.texts)))

    def out_of_fold(self, folds: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Scores and known shares of each text from a model that never saw it."""
        large = len(self.texts) > _LARGE
        folds = max(2, min(_LARGE_FOLDS if large else folds, len(self.texts)))
        dealt = self._together(deal_folds(self.truth, folds, self.seed))
        scores = np.zeros((len(self.texts), self.size))
        known = np.ones(len(self.texts), dtype=np.float32)
        shared = Vectorizer.fit(self.texts, self.settings) if large else None
        for fold in range(folds):
            inside, held = np.flatnonzero(dealt != fold), np.flatnonzero(dealt == fold)
            if len(held) == 0:
                continue
            if shared:
                vectorizer, matrix = shared
                weights = fit_weights(vectorizer, matrix[inside], self.truth[inside], self.size, self.seed)
                scores[held] = weights.scores(matrix[held])
            else:
                vectorizer, weights = self._fit(inside)
                matrix, known[held] = vectorizer.transform([self.texts[i] for i in held])
                scores[held] = weights.scores(matrix)
        return scores, known

    def _together(self, dealt: NDArray[np.int64]) -> NDArray[np.int64]:
        """Copies of one text share a fold: a model that has seen the one knows the answer to the other."""
        first: dict[str, int] = {}
        places = [first.setdefault(" ".join(t.casefold().split()), i) for i, t in enumerate(self.texts)]
        return dealt[np.array(places, dtype=np.int64)]

    def _fit(self, rows: NDArray[np.int64]) -> tuple[Vectorizer, LinearWeights]:
        texts = [self.texts[i] for i in rows] + [text for text, _ in self.taught]
        truth = np.append(self.truth[rows], [place for _, place in self.taught]).astype(np.int64)
        vectorizer, matrix = Vectorizer.fit(texts, self.settings)
        return vectorizer, fit_weights(vectorizer, matrix, truth, self.size, self.seed)


def fit_weights(
    vectorizer: Vectorizer, matrix: sp.csr_matrix, truth: NDArray[np.int64], size: int, seed: int
) -> LinearWeights:
    """Average three linear SVMs: over all features, over the words, over the character n-grams.

    Each block of a row has a fixed length, so the average of the scores is itself one linear model.
    """
    coefficients = np.zeros((matrix.shape[1], size))
    intercepts = np.zeros(size)
    views = _views(vectorizer)
    columns = matrix.tocsc()
    for start, end, scale in views:
        view = columns[:, start:end].tocsr().astype(np.float64) * scale
        slopes, offsets = _fit_svm(view, truth, size, seed)
        coefficients[start:end] += slopes * (scale / len(views))
        intercepts += offsets / len(views)
    # Stored as float16: rounding here makes a loaded model answer exactly as the trained one.
    rounded = coefficients.astype(np.float16).astype(np.float32)
    return LinearWeights(rounded, intercepts.astype(np.float32))


def _views(vectorizer: Vectorizer) -> list[tuple[int, int, float]]:
    """Column ranges with the factor that gives their rows length 1."""
    spans, settings = vectorizer.spans, vectorizer.settings
    names = vectorizer.names
    groups = [names, [n for n in names if n != "char"], [n for n in names if n == "char"]]
    views = []
    for group in groups if len(names) > 1 else [names]:
        if not group:
            continue
        length = np.sqrt(sum(settings.weight_of(name) ** 2 for name in group))
        views.append((spans[group[0]][0], spans[group[-1]][1], 1.0 / float(length)))
    return list(dict.fromkeys(views))


def _fit_svm(
    view: sp.csr_matrix, truth: NDArray[np.int64], size: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    seen = np.unique(truth)
    slopes = np.zeros((view.shape[1], size))
    offsets = np.full(size, -1.0)  # a label without examples scores as a clear no
    machine = LinearSVC(C=0.5 if len(truth) > _LARGE else 1.0, random_state=seed)
    machine.fit(view, truth)
    if len(seen) == 2:
        slopes[:, seen[1]], slopes[:, seen[0]] = machine.coef_[0], -machine.coef_[0]
        offsets[seen[1]], offsets[seen[0]] = machine.intercept_[0], -machine.intercept_[0]
    else:
        slopes[:, seen], offsets[seen] = machine.coef_.T, machine.intercept_
    return slopes, offsets
