"""What triage made of the samples, measured against their labels; nothing here is assumed (C28)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from classifier.choices import Purpose, RunState
from classifier.engine.types import TriageInput
from classifier.models import Prediction
from classifier.services.local_models import local_engine
from ingest.samples.samples import ManifestEntry
from ingest.services.demo_tickets import demo_tickets
from ticketing.choices import DecisionState, TriageField
from ticketing.models import Taxonomy

SAMPLE_TAXONOMY = "it_support"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFigures:
    """Counts over the sample tickets, by their first triage: later corrections by people do not flatter."""

    samples: int
    triaged: int
    applied: int
    applied_right: int
    right_or_rightly_suggested: int


@dataclass(frozen=True, slots=True)
class HeldOutFigures:
    """The local engine's best guess on texts whose author saw neither samples nor starter examples."""

    tickets: int
    right: int


def sample_figures(*, entries: Iterable[ManifestEntry]) -> SampleFigures:
    """Compare what the first triage run of each sample ticket decided with the sample's label."""
    tickets = demo_tickets()
    labels = {tickets[entry.file].pk: entry.category for entry in entries if entry.file in tickets}
    rows = Prediction.objects.filter(
        ticket__in=labels,
        field=TriageField.CATEGORY,
        run__purpose=Purpose.TRIAGE,
        run__state=RunState.COMPLETED,
    )
    first: dict[int, Prediction] = {}
    for row in rows.order_by("run__generation", "pk"):
        first.setdefault(row.ticket_id, row)
    applied = [row for row in first.values() if row.state == DecisionState.APPLIED]
    suggested = [row for row in first.values() if row.state == DecisionState.SUGGESTED]
    right = [row for row in applied if row.value == labels[row.ticket_id]]
    return SampleFigures(
        samples=len(labels),
        triaged=len(first),
        applied=len(applied),
        applied_right=len(right),
        right_or_rightly_suggested=len(right) + sum(row.value == labels[row.ticket_id] for row in suggested),
    )


def held_out_figures(*, path: Path) -> HeldOutFigures | None:
    """Let the local engine name the category of each held-out ticket; None without the file or a model."""
    taxonomy = Taxonomy.objects.filter(client=None, slug=SAMPLE_TAXONOMY).first()
    engine = local_engine(taxonomy_id=taxonomy.pk) if taxonomy is not None else None
    if engine is None or not path.exists():
        return None
    rows: list[dict[str, str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    batch = [TriageInput(body=row["body"], subject=row["subject"]) for row in rows]
    guesses = [fields.get(TriageField.CATEGORY) for fields in engine.predict(batch)]
    right = sum(
        guess is not None and guess.value == row["category"] for guess, row in zip(guesses, rows, strict=True)
    )
    return HeldOutFigures(tickets=len(rows), right=right)


def summary_lines(*, samples: SampleFigures, held_out: HeldOutFigures | None) -> list[str]:
    """The figures as sentences for a terminal."""
    lines = [
        f"Samples triaged:                    {samples.triaged} of {samples.samples}",
        f"Applied automatically:              {samples.applied} of {samples.samples}"
        f" ({_percent(samples.applied, samples.samples)})",
        f"Right among those applied:          {samples.applied_right} of {samples.applied}"
        f" ({_percent(samples.applied_right, samples.applied)})",
        f"Right, or rightly suggested:        {samples.right_or_rightly_suggested} of {samples.samples}"
        f" ({_percent(samples.right_or_rightly_suggested, samples.samples)})",
    ]
    if held_out is None:
        return [*lines, "Held-out tickets, best guess right:  not measured, the set or the model is missing"]
    share = _percent(held_out.right, held_out.tickets)
    return [*lines, f"Held-out tickets, best guess right: {held_out.right} of {held_out.tickets} ({share})"]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "no figure"
