"""Reference data that leads edit: taxonomies, categories, projects, routing rules, client settings."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from common.models import Timestamped
from teams.models import Client, Team
from ticketing.choices import Priority
from ticketing.querysets import CategoryQuerySet, ClientOwnedQuerySet, ProjectChildQuerySet, SharedQuerySet

_UNIT = [MinValueValidator(0.0), MaxValueValidator(1.0)]


class Taxonomy(Timestamped):
    """A set of categories. Shared ones (no client) are shipped and serve every client."""

    client = models.ForeignKey(
        Client, null=True, blank=True, on_delete=models.CASCADE, related_name="taxonomies"
    )
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    severity_indicators = models.JSONField(
        default=dict, blank=True, help_text=_("Severity → phrases that point to it.")
    )
    is_active = models.BooleanField(default=True)

    objects = SharedQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "taxonomies"
        constraints = [
            models.UniqueConstraint(fields=["client", "slug"], name="taxonomy_slug_per_client"),
            models.UniqueConstraint(
                fields=["slug"], condition=models.Q(client=None), name="shared_taxonomy_slug_unique"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Category(Timestamped):
    """One answer to "what is this about". Invariant: the slug is unique within its taxonomy."""

    taxonomy = models.ForeignKey(Taxonomy, on_delete=models.CASCADE, related_name="categories")
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, help_text=_("What belongs here and what does not."))
    keywords = models.JSONField(
        default=list, blank=True, help_text=_("Words and phrases the rules look for.")
    )
    required_fields = models.JSONField(
        default=list, blank=True, help_text=_("Extracted fields a ticket needs before it can be worked on.")
    )
    default_team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="default_categories"
    )
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)
    accept_threshold = models.FloatField(
        null=True, blank=True, validators=_UNIT, help_text=_("Overrides the general accept threshold.")
    )
    auto_reply = models.BooleanField(
        default=False, help_text=_("Send the drafted answer without a person. Off unless a lead decides.")
    )
    allow_external_llm = models.BooleanField(default=True)

    objects = CategoryQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["taxonomy", "position", "name"]
        verbose_name_plural = "categories"
        constraints = [
            models.UniqueConstraint(fields=["taxonomy", "slug"], name="category_slug_per_taxonomy"),
            models.CheckConstraint(
                condition=models.Q(accept_threshold=None)
                | models.Q(accept_threshold__gte=0, accept_threshold__lte=1),
                name="category_threshold_in_unit",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CategoryField(models.Model):
    """A custom field that extraction looks for in tickets of a category (C14)."""

    category = models.ForeignKey(Category, on_delete=models.CASCADE, related_name="custom_fields")
    name = models.SlugField(max_length=60)
    pattern = models.CharField(
        max_length=300, help_text=_("Regular expression; the first group is the value.")
    )
    validator = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["category", "name"]
        constraints = [models.UniqueConstraint(fields=["category", "name"], name="custom_field_once")]

    def __str__(self) -> str:
        return self.name


class ClientSettings(Timestamped):
    """How ticketing works for one client. Invariant: exactly one row a client."""

    client = models.OneToOneField(Client, on_delete=models.CASCADE, related_name="ticketing_settings")
    taxonomy = models.ForeignKey(Taxonomy, on_delete=models.PROTECT, related_name="client_settings")
    fallback_team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    escalation_team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    allow_external_llm = models.BooleanField(
        default=True, help_text=_("Off: no text of this client ever leaves for an outside language model.")
    )
    llm_daily_budget = models.DecimalField(
        max_digits=10, decimal_places=2, null=True, blank=True,
        help_text=_("Dollars a day for language models; empty: as the environment says. 0 asks none."),
    )  # fmt: skip
    llm_monthly_budget = models.DecimalField(
        max_digits=10, decimal_places=2, null=True, blank=True, help_text=_("Dollars a month.")
    )  # fmt: skip
    accept_threshold = models.FloatField(null=True, blank=True, validators=_UNIT)
    suggest_threshold = models.FloatField(null=True, blank=True, validators=_UNIT)
    draft_tone = models.CharField(max_length=12, default="friendly")
    reopen_days = models.PositiveSmallIntegerField(
        default=14, help_text=_("A reply to a resolved ticket reopens it for so many days.")
    )
    retention_days = models.PositiveIntegerField(null=True, blank=True)
    requester_mail = models.BooleanField(
        default=True, help_text=_("Off: this client's requesters get no mail from here.")
    )

    objects = ClientOwnedQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = _("client settings")
        verbose_name_plural = _("client settings")

    def __str__(self) -> str:
        return f"Settings of {self.client}"


class Project(Timestamped):
    """A product or system of a client that tickets can be about."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="projects")
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)

    objects = ClientOwnedQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["client", "slug"], name="project_slug_per_client")]

    def __str__(self) -> str:
        return self.name


class Module(Timestamped):
    """A part of a project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="modules")
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)

    objects = ProjectChildQuerySet.as_manager()

    class Meta:
        ordering = ["project", "name"]
        constraints = [models.UniqueConstraint(fields=["project", "slug"], name="module_slug_per_project")]

    def __str__(self) -> str:
        return f"{self.project}: {self.name}"


class RoutingRule(Timestamped):
    """If every condition holds, the team is this one. Rules are tried in order; the first match decides."""

    client = models.ForeignKey(
        Client, null=True, blank=True, on_delete=models.CASCADE, related_name="routing_rules"
    )
    taxonomy = models.ForeignKey(Taxonomy, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    slug = models.SlugField(max_length=80)
    name = models.CharField(max_length=160)
    order = models.PositiveIntegerField(default=100, help_text=_("Lower numbers are tried first."))
    conditions = models.JSONField(
        default=dict,
        blank=True,
        help_text=_(
            "Any of: categories, severities, channels, keywords, extracted_fields, business_hours."
            " Several values in one list mean 'one of these'; all given conditions must hold."
        ),
    )
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="routing_rules")
    priority = models.CharField(max_length=8, choices=Priority.choices, blank=True)
    priority_modifier = models.SmallIntegerField(
        default=0, validators=[MinValueValidator(-3), MaxValueValidator(3)]
    )
    is_active = models.BooleanField(default=True)
    hit_count = models.PositiveIntegerField(default=0, editable=False)
    last_hit_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = SharedQuerySet.as_manager()
    history = HistoricalRecords(excluded_fields=["hit_count", "last_hit_at"])

    class Meta:
        ordering = ["order", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["client", "slug"], name="rule_slug_per_client"),
            models.UniqueConstraint(
                fields=["slug"], condition=models.Q(client=None), name="shared_rule_slug_unique"
            ),
        ]

    def __str__(self) -> str:
        return self.name
