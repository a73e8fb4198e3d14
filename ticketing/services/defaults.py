"""Loading shipped taxonomies, routing rules and articles from YAML; repeating changes nothing (T3)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction
from django.utils.translation import gettext

from common.exceptions import ValidationFailed
from teams.models import Client, Team
from ticketing.models import Article, Category, ClientSettings, RoutingRule, Taxonomy

DEFAULTS = Path(__file__).resolve().parent.parent / "defaults"
DEFAULT_TAXONOMY = "it_support"
_TEAMS_OF_TAXONOMY = {
    "it_support": ("service_desk", "it_escalation"),
    "customer_support": ("general_support", "escalation_team"),
}
"""The shipped fallback and escalation teams; a client may choose others."""


def read_yaml(path: Path) -> Any:
    """A YAML file as plain data. Raises ValidationFailed naming the file when it is broken."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ValidationFailed(
            gettext("%(name)s cannot be read: %(error)s.") % {"name": path.name, "error": error}
        ) from error


@transaction.atomic
def taxonomy_load(*, data: Mapping[str, Any], overwrite: bool = False) -> Taxonomy:
    """Create a shared taxonomy and its categories; rows that exist are kept unless ``overwrite``.

    Teams must be loaded before. Raises ValidationFailed for a team that does not exist.
    """
    taxonomy, created = Taxonomy.objects.get_or_create(
        client=None,
        slug=data["slug"],
        defaults={
            "name": data["name"],
            "description": data.get("description", ""),
            "severity_indicators": data.get("severity_indicators", {}),
        },
    )
    if overwrite and not created:
        taxonomy.name = data["name"]
        taxonomy.description = data.get("description", "")
        taxonomy.severity_indicators = data.get("severity_indicators", {})
        taxonomy.full_clean()
        taxonomy.save()
    for position, row in enumerate(data["categories"]):
        _category_load(taxonomy, position, row, overwrite=overwrite)
    return taxonomy


def _category_load(taxonomy: Taxonomy, position: int, row: Mapping[str, Any], *, overwrite: bool) -> None:
    values = {
        "name": row["name"],
        "description": " ".join(str(row.get("description", "")).split()),
        "keywords": row.get("keywords", []),
        "required_fields": row.get("required_fields", []),
        "default_team": _team(row.get("default_team", "")),
        "position": position,
        "accept_threshold": row.get("accept_threshold"),
    }
    category, created = Category.objects.get_or_create(taxonomy=taxonomy, slug=row["slug"], defaults=values)
    if overwrite and not created:
        for name, value in values.items():
            setattr(category, name, value)
        category.full_clean()
        category.save()


def _team(slug: str) -> Team | None:
    if not slug:
        return None
    team = Team.objects.filter(client=None, slug=slug).first()
    if team is None:
        raise ValidationFailed(
            gettext("There is no shared team “%(slug)s”. Load the teams first.") % {"slug": slug}
        )
    return team


@transaction.atomic
def rules_load(*, data: Mapping[str, Any]) -> int:
    """Create shared routing rules that are not there yet; returns how many are new."""
    created = 0
    for row in data.get("rules", []):
        taxonomy = Taxonomy.objects.filter(client=None, slug=row.get("taxonomy", "")).first()
        values: dict[str, Any] = {
            "name": row["name"],
            "order": row.get("order", 100),
            "taxonomy": taxonomy,
            "conditions": row.get("conditions", {}),
            "team": _team(row["team"]),
            "priority": row.get("priority") or "",
            "priority_modifier": row.get("priority_modifier") or 0,
        }
        _, is_new = RoutingRule.objects.get_or_create(client=None, slug=row["slug"], defaults=values)
        created += is_new
    return created


@transaction.atomic
def articles_load(*, rows: list[Mapping[str, Any]], taxonomy: Taxonomy) -> int:
    """Create shared published articles that are not there yet; returns how many are new."""
    created = 0
    for row in rows:
        _, is_new = Article.objects.get_or_create(
            client=None,
            slug=row["slug"],
            defaults={
                "title": row["title"],
                "body": row["body"],
                "category": Category.objects.filter(taxonomy=taxonomy, slug=row.get("category", "")).first(),
                "visibility": row.get("visibility", "internal"),
                "is_published": True,
            },
        )
        created += is_new
    return created


def client_settings_ensure(*, client: Client, taxonomy_slug: str = DEFAULT_TAXONOMY) -> ClientSettings:
    """The client's ticketing settings, made with a shared taxonomy and its teams where there are none."""
    taxonomy = Taxonomy.objects.get(client=None, slug=taxonomy_slug)
    fallback, escalation = _TEAMS_OF_TAXONOMY.get(taxonomy_slug, ("", ""))
    values: dict[str, Any] = {
        "taxonomy": taxonomy,
        "fallback_team": _team(fallback),
        "escalation_team": _team(escalation),
    }
    settings, _ = ClientSettings.objects.get_or_create(client=client, defaults=values)
    return settings


def defaults_load(*, folder: Path = DEFAULTS, overwrite: bool = False) -> dict[str, int]:
    """Load every shipped taxonomy, rule and article; returns counts by kind."""
    taxonomies = [
        taxonomy_load(data=read_yaml(path), overwrite=overwrite)
        for path in sorted((folder / "taxonomies").glob("*.yaml"))
    ]
    rules = sum(
        rules_load(data=read_yaml(path) or {}) for path in sorted((folder / "routing").glob("*.yaml"))
    )
    articles = 0
    for taxonomy in taxonomies:
        path = folder / "articles" / f"{taxonomy.slug}.yaml"
        if path.exists():
            articles += articles_load(rows=read_yaml(path), taxonomy=taxonomy)
    return {"taxonomies": len(taxonomies), "rules": rules, "articles": articles}
