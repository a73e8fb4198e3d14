"""The measured quality of a model, ready to be drawn (C8, C25). All of it was measured out of fold."""

from __future__ import annotations

from math import ceil
from typing import Any, Final

from classifier.engine.metrics import answers_of_tally
from classifier.engine.thresholds import ThresholdChoice, threshold_for_precision
from classifier.models import EvaluationRecord, LocalModel
from common.actors import Actor
from ticketing.models import ClientSettings

SIZE: Final = 240
"""Side of a diagram in SVG units; both axes run from 0 to 1."""

MATRIX_LABELS: Final = 20
"""More categories than this do not fit a table people can read."""

_SHADES: Final = 5
_PAIRS: Final = 12
_CHANGES: Final = 20
_EVALUATIONS: Final = 10


def threshold_choice(*, model: LocalModel, precision: float, value: str = "") -> ThresholdChoice | None:
    """The lowest bound whose exact lower bound of precision reaches ``precision``; None when none does.

    Over all answers, or over those that name ``value``. A model without a tally proves nothing.
    """
    confidences, right = answers_of_tally(model.metrics.get("tally", {}), value)
    return threshold_for_precision(confidences, right, precision) if confidences else None


def model_evaluation(*, model: LocalModel) -> dict[str, Any]:
    """Figures, reliability diagram, risk–coverage curve, confusion matrix, figures by label, decisions."""
    metrics = model.metrics
    labels = metrics.get("labels", [])
    confusion = metrics.get("confusion", [])
    return {
        "model": model,
        "metrics": metrics,
        "size": SIZE,
        "grid": [round(SIZE * step / 4, 1) for step in range(1, 4)],
        "bins": [_bin(row) for row in metrics.get("reliability", []) if row["count"]],
        "curve": _curve(metrics.get("risk_coverage", [])),
        "area": _area(metrics.get("risk_coverage", [])),
        "labels": labels,
        "matrix": _matrix(labels, confusion) if len(labels) <= MATRIX_LABELS else [],
        "pairs": _confused(labels, confusion),
        "classes": sorted(metrics.get("classes", []), key=lambda row: row["f1"]),
        "evidence": model.evidence,
        "changes": list(model.changes.select_related("before")[:_CHANGES]),
        "has_tally": bool(metrics.get("tally")),
    }


def clients_of(*, model: LocalModel, actor: Actor) -> list[ClientSettings]:
    """Settings of the clients that use the model's taxonomy and that the actor may see."""
    rows = ClientSettings.objects.visible_to(actor).filter(taxonomy_id=model.taxonomy_id)
    return list(rows.select_related("client").order_by("client__name"))


def evaluations_of(*, model: LocalModel, actor: Actor) -> list[EvaluationRecord]:
    """The latest evaluations on the model's taxonomy that the actor may see."""
    rows = EvaluationRecord.objects.visible_to(actor).filter(taxonomy=model.taxonomy_id)
    return list(rows.defer("result", "protocol").select_related("client")[:_EVALUATIONS])


def _bin(row: dict[str, Any]) -> dict[str, Any]:
    """One bar of the diagram in picture coordinates, with the mark where it should end."""
    return {
        "x": round(row["low"] * SIZE + 1, 1),
        "width": round((row["high"] - row["low"]) * SIZE - 2, 1),
        "y": round((1 - row["accuracy"]) * SIZE, 1),
        "height": round(row["accuracy"] * SIZE, 1),
        "mark": round((1 - row["confidence"]) * SIZE, 1),
        "confidence": row["confidence"],
        "accuracy": row["accuracy"],
        "count": row["count"],
    }


def _point(point: dict[str, Any]) -> str:
    return f"{point['coverage'] * SIZE:.1f},{(1 - point['accuracy']) * SIZE:.1f}"


def _curve(points: list[dict[str, Any]]) -> str:
    """The accuracy of what is answered over its share, as a polyline."""
    return " ".join(_point(point) for point in points)


def _area(points: list[dict[str, Any]]) -> str:
    """The same, closed at the bottom."""
    if not points:
        return ""
    first, last = points[0]["coverage"] * SIZE, points[-1]["coverage"] * SIZE
    return f"{first:.1f},{SIZE} {_curve(points)} {last:.1f},{SIZE}"


def _matrix(labels: list[str], confusion: list[list[int]]) -> list[dict[str, Any]]:
    """Rows of the true labels; a shade from 0 to 5 is the cell's share of its row."""
    rows = []
    for place, (label, cells) in enumerate(zip(labels, confusion, strict=True)):
        total = sum(cells)
        shaded = [
            {
                "count": count,
                "shade": ceil(_SHADES * count / total) if total else 0,
                "right": column == place,
                "name": labels[column],
            }
            for column, count in enumerate(cells)
        ]
        rows.append({"label": label, "cells": shaded, "total": total})
    return rows


def _confused(labels: list[str], confusion: list[list[int]]) -> list[dict[str, Any]]:
    """The most frequent mistakes: true label, answer, how many, share of the true label's texts."""
    found: list[dict[str, Any]] = [
        {"truth": labels[row], "answer": labels[column], "count": count, "share": count / sum(cells)}
        for row, cells in enumerate(confusion)
        for column, count in enumerate(cells)
        if count and row != column
    ]
    return sorted(found, key=lambda pair: -pair["count"])[:_PAIRS]
