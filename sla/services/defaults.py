"""Loading the shipped policies; what was edited since is kept."""

from __future__ import annotations

from pathlib import Path

import yaml
from django.db import transaction

from sla.models import Policy, Target

POLICIES = Path(__file__).resolve().parent.parent / "defaults" / "policies.yaml"


@transaction.atomic
def defaults_load(*, path: Path = POLICIES) -> int:
    """Add the shared policies that are not there yet; returns how many are new."""
    added = 0
    for row in yaml.safe_load(path.read_text(encoding="utf-8")):
        targets = row.pop("targets")
        policy, created = Policy.objects.get_or_create(client=None, slug=row["slug"], defaults=row)
        if not created:
            continue
        added += 1
        Target.objects.bulk_create(
            Target(policy=policy, kind=kind, severity=severity, minutes=minutes)
            for kind, by_severity in targets.items()
            for severity, minutes in by_severity.items()
        )
    return added
