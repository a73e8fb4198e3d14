"""The measured quality of a model, ready to be drawn (C8)."""

from __future__ import annotations

from typing import Any, Final

from classifier.engine.thresholds import lower_bound
from classifier.models import LocalModel

SIZE: Final = 240
TARGETS: Final = (0.90, 0.95, 0.98)
"""Precisions a lead may ask for."""


def model_quality(*, model: LocalModel) -> dict[str, Any]:
    """Figures, reliability diagram, risk–coverage curve and thresholds for target precisions."""
    metrics = model.metrics
    return {
        "metrics": metrics,
        "size": SIZE,
        "bins": [_bin(row) for row in metrics.get("reliability", []) if row["count"]],
        "curve": _curve(metrics.get("risk_coverage", [])),
        "choices": [_choice(metrics, target) for target in TARGETS],
        "classes": metrics.get("classes", []),
    }


def _bin(row: dict[str, Any]) -> dict[str, Any]:
    """One point of the diagram in picture coordinates, with its words."""
    return {
        "x": round(row["confidence"] * SIZE, 1),
        "y": round((1 - row["accuracy"]) * SIZE, 1),
        "radius": round(3 + min(9.0, row["count"] ** 0.5 / 3), 1),
        "confidence": row["confidence"],
        "accuracy": row["accuracy"],
        "count": row["count"],
    }


def _curve(points: list[dict[str, Any]]) -> str:
    """The accuracy of what is answered over its share, as a polyline."""
    return " ".join(f"{p['coverage'] * SIZE:.1f},{(1 - p['accuracy']) * SIZE:.1f}" for p in points)


def _choice(metrics: dict[str, Any], target: float) -> dict[str, Any]:
    """The lowest threshold whose exact lower bound (95 %) keeps the precision, and the review it costs."""
    examples = int(metrics.get("examples", 0))
    best: dict[str, Any] | None = None
    for point in metrics.get("risk_coverage", []):
        answered = round(point["coverage"] * examples)
        bound = lower_bound(round(point["accuracy"] * answered), answered)
        if bound >= target:
            best = {"threshold": point["threshold"], "bound": bound, "review": 1 - point["coverage"]}
    return {"target": target, "found": best}
