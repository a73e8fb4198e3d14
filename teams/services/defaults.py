"""Loading shipped teams and their escalation paths from YAML; repeating changes nothing (R4)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction

from teams.choices import TeamKind
from teams.models import EscalationStep, Team

DEFAULTS = Path(__file__).resolve().parent.parent / "defaults"


@transaction.atomic
def teams_load(*, data: Mapping[str, Any]) -> int:
    """Create shared teams, then their paths; returns how many teams are new."""
    created = 0
    for row in data.get("teams", []):
        _, is_new = Team.objects.get_or_create(
            client=None,
            slug=row["slug"],
            defaults={
                "name": row["name"],
                "description": " ".join(str(row.get("description", "")).split()),
                "kind": row.get("kind", TeamKind.REGULAR),
            },
        )
        created += is_new
    by_slug = {team.slug: team for team in Team.objects.filter(client=None)}
    for row in data.get("teams", []):
        team = by_slug[row["slug"]]
        if team.escalation_steps.exists():
            continue
        for position, slug in enumerate(row.get("escalation_path") or [], start=1):
            EscalationStep.objects.create(team=team, position=position, target=by_slug[slug])
    return created


def defaults_load(*, folder: Path = DEFAULTS) -> int:
    """Load every shipped team set; returns how many teams are new."""
    total = 0
    for path in sorted(folder.glob("*.yaml")):
        total += teams_load(data=yaml.safe_load(path.read_text(encoding="utf-8")))
    return total
