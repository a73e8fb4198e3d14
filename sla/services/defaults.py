"""Loading the shipped policies and calendars; what was edited since is kept."""

from __future__ import annotations

from pathlib import Path

import yaml
from django.db import transaction
from django.utils import timezone

from sla.models import Policy, Target
from teams.models import BusinessCalendar
from teams.services.calendars import calendar_load

FOLDER = Path(__file__).resolve().parent.parent / "defaults"
POLICIES, CALENDARS = FOLDER / "policies.yaml", FOLDER / "calendars.yaml"


@transaction.atomic
def defaults_load(*, path: Path = POLICIES, calendars: Path = CALENDARS) -> int:
    """Add the calendars and shared policies that are not there yet; returns how many policies are new.

    A policy may name its calendar by slug. Raises ValidationError for what the back office would refuse.
    """
    for row in yaml.safe_load(calendars.read_text(encoding="utf-8")):
        calendar_load(given=row, now=timezone.now())
    added = 0
    for row in yaml.safe_load(path.read_text(encoding="utf-8")):
        targets, slug = row.pop("targets"), row.pop("calendar", None)
        if Policy.objects.filter(client=None, slug=row["slug"]).exists():
            continue
        calendar = BusinessCalendar.objects.get(slug=slug) if slug else None
        policy = Policy(client=None, calendar=calendar, **row)
        policy.full_clean()
        policy.save(force_insert=True)
        added += 1
        made = [
            Target(policy=policy, kind=kind, severity=severity, minutes=minutes)
            for kind, by_severity in targets.items()
            for severity, minutes in by_severity.items()
        ]
        for target in made:
            target.clean_fields()
        Target.objects.bulk_create(made)
    return added
