"""Shapes of the reference data; other rows are named by slug."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from teams.choices import AbsencePolicy, AssignmentStrategy, SkillsMode, TeamKind
from teams.models import Team
from ticketing.choices import ArticleVisibility, Channel, Severity
from ticketing.models import Article, Category, Module, Project, RoutingRule, Taxonomy


def slug_of(source: str) -> serializers.CharField:
    """A related row by its slug; null where there is none."""
    return serializers.CharField(source=f"{source}.slug", default=None, read_only=True)


class TaxonomySerializer(serializers.ModelSerializer[Taxonomy]):
    """A set of categories; ``client`` is null for shared ones."""

    client = slug_of("client")

    class Meta:
        model = Taxonomy
        fields = ("id", "slug", "name", "description", "client", "severity_indicators", "is_active")


class CategorySerializer(serializers.ModelSerializer[Category]):
    """A category."""

    taxonomy = slug_of("taxonomy")
    default_team = slug_of("default_team")

    class Meta:
        model = Category
        fields = (
            "id", "slug", "name", "description", "taxonomy", "keywords", "required_fields", "default_team",
            "position", "is_active", "accept_threshold",
        )  # fmt: skip


class ProjectSerializer(serializers.ModelSerializer[Project]):
    """A project."""

    client = slug_of("client")

    class Meta:
        model = Project
        fields = ("id", "slug", "name", "description", "client", "is_active")


class ModuleSerializer(serializers.ModelSerializer[Module]):
    """A module of a project."""

    project = slug_of("project")

    class Meta:
        model = Module
        fields = ("id", "slug", "name", "project", "is_active")


class TeamSerializer(serializers.ModelSerializer[Team]):
    """A team with its escalation path."""

    client = slug_of("client")
    escalation_path = serializers.SerializerMethodField()

    class Meta:
        model = Team
        fields = (
            "id", "slug", "name", "description", "client", "kind", "strategy", "skills_mode",
            "waiting_counts", "absence_policy", "absence_hours", "escalation_path", "is_active",
        )  # fmt: skip

    def get_escalation_path(self, team: Team) -> list[str]:
        """Slugs of the teams asked next, in order."""
        steps = sorted(team.escalation_steps.all(), key=lambda step: step.position)
        return [step.target.slug for step in steps]


class RuleSerializer(serializers.ModelSerializer[RoutingRule]):
    """A routing rule."""

    client = slug_of("client")
    taxonomy = slug_of("taxonomy")
    team = slug_of("team")

    class Meta:
        model = RoutingRule
        fields = (
            "id", "slug", "name", "client", "taxonomy", "order", "conditions", "team", "priority",
            "priority_modifier", "is_active", "hit_count", "last_hit_at",
        )  # fmt: skip


class ArticleSerializer(serializers.ModelSerializer[Article]):
    """A knowledge article."""

    client = slug_of("client")
    category = slug_of("category")

    class Meta:
        model = Article
        fields = ("id", "slug", "title", "body", "client", "category", "visibility", "is_published")


class Words(serializers.ListField):
    """A short list of short texts."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=serializers.CharField(max_length=120), max_length=500, **options)


class NamedInput(serializers.Serializer[Any]):
    """What all inputs share; on a change everything may be left out."""

    client = serializers.SlugField(required=False, allow_null=True)
    slug = serializers.SlugField(max_length=60)
    name = serializers.CharField(max_length=120)
    is_active = serializers.BooleanField(required=False)


class TaxonomyInput(NamedInput):
    """A taxonomy."""

    description = serializers.CharField(required=False, allow_blank=True)
    severity_indicators = serializers.DictField(child=Words(), required=False)

    def validate_severity_indicators(self, value: dict[str, list[str]]) -> dict[str, list[str]]:
        """Only known severities."""
        unknown = sorted(set(value) - set(Severity.values))
        if unknown:
            raise serializers.ValidationError(
                _("Unknown severities: %(unknown)s.") % {"unknown": ", ".join(unknown)}
            )
        return value


class CategoryInput(NamedInput):
    """A category."""

    client = None  # type: ignore[assignment]
    taxonomy = serializers.SlugField()
    description = serializers.CharField(required=False, allow_blank=True)
    keywords = Words(required=False)
    required_fields = Words(required=False)
    default_team = serializers.SlugField(required=False, allow_null=True)
    position = serializers.IntegerField(min_value=0, max_value=10_000, required=False)
    accept_threshold = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True)


class ProjectInput(NamedInput):
    """A project."""

    description = serializers.CharField(required=False, allow_blank=True)


class ModuleInput(NamedInput):
    """A module."""

    client = None  # type: ignore[assignment]
    project = serializers.SlugField()


class TeamInput(NamedInput):
    """A team."""

    description = serializers.CharField(required=False, allow_blank=True)
    kind = serializers.ChoiceField(choices=TeamKind.choices, required=False)
    strategy = serializers.ChoiceField(choices=AssignmentStrategy.choices, required=False)
    skills_mode = serializers.ChoiceField(choices=SkillsMode.choices, required=False)
    waiting_counts = serializers.BooleanField(required=False)
    absence_policy = serializers.ChoiceField(choices=AbsencePolicy.choices, required=False)
    absence_hours = serializers.IntegerField(min_value=0, max_value=1000, required=False)


class Conditions(serializers.Serializer[Any]):
    """All that are given must hold; several values of one are alternatives."""

    categories = Words(required=False)
    severities = serializers.ListField(
        child=serializers.ChoiceField(choices=Severity.choices), required=False
    )
    channels = serializers.ListField(child=serializers.ChoiceField(choices=Channel.choices), required=False)
    keywords = Words(required=False)
    extracted_fields = Words(required=False)
    business_hours = serializers.BooleanField(required=False)


class RuleInput(NamedInput):
    """A routing rule."""

    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=160)
    taxonomy = serializers.SlugField(required=False, allow_null=True)
    order = serializers.IntegerField(min_value=0, max_value=100_000, required=False)
    conditions = Conditions(required=False)
    team = serializers.SlugField()
    priority = serializers.CharField(max_length=8, required=False, allow_blank=True)
    priority_modifier = serializers.IntegerField(min_value=-3, max_value=3, required=False)


class ArticleInput(serializers.Serializer[Any]):
    """An article."""

    client = serializers.SlugField(required=False, allow_null=True)
    slug = serializers.SlugField(max_length=120)
    title = serializers.CharField(max_length=200)
    body = serializers.CharField(max_length=100_000)
    category = serializers.SlugField(required=False, allow_null=True)
    visibility = serializers.ChoiceField(choices=ArticleVisibility.choices, required=False)
    is_published = serializers.BooleanField(required=False)
