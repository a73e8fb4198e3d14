"""Teams, their members and where they escalate to."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from common.models import Timestamped
from teams.choices import AbsencePolicy, AssignmentStrategy, MemberRole, SkillsMode, TeamKind
from teams.models.people import Client, User
from teams.querysets import TeamQuerySet


class Team(Timestamped):
    """A group of people that tickets are routed to.

    Invariant: the slug is unique within its client; shared teams (no client) serve every client.
    """

    client = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="teams",
        help_text=_("Leave empty for a team that serves every client."),
    )
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=12, choices=TeamKind.choices, default=TeamKind.REGULAR)
    strategy = models.CharField(
        max_length=12, choices=AssignmentStrategy.choices, default=AssignmentStrategy.ROUND_ROBIN
    )
    calendar = models.ForeignKey(
        "teams.BusinessCalendar", null=True, blank=True, on_delete=models.SET_NULL, related_name="teams"
    )
    notify_addresses = models.JSONField(
        default=list,
        blank=True,
        editable=False,
        help_text=_("Moved to notification targets; kept for processes of the release before."),
    )
    skills_mode = models.CharField(
        "skills",
        max_length=8,
        choices=SkillsMode.choices,
        default=SkillsMode.PREFER,
        help_text=_(
            "A ticket needs its category, its language and its severity, as far as members list them."
        ),
    )
    waiting_counts = models.BooleanField(
        "waiting tickets count",
        default=True,
        help_text=_("Whether tickets that wait for the requester or a third party take up capacity."),
    )
    absence_policy = models.CharField(
        "tickets of absent members",
        max_length=8,
        choices=AbsencePolicy.choices,
        default=AbsencePolicy.KEEP,
        help_text=_("Tickets that wait for the requester or a third party always stay with the person."),
    )
    absence_hours = models.PositiveSmallIntegerField(
        "hours of absence", default=4, help_text=_("Where tickets are handed on after some hours: how many.")
    )
    is_active = models.BooleanField(default=True)

    objects = TeamQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["client", "slug"], name="team_slug_per_client"),
            models.UniqueConstraint(
                fields=["slug"], condition=models.Q(client=None), name="shared_team_slug_unique"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TeamMember(models.Model):
    """A person in a team with the number of open tickets the person takes there."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=MemberRole.choices, default=MemberRole.AGENT)
    capacity = models.PositiveSmallIntegerField(default=20, help_text=_("Open tickets at the same time."))
    skills = models.JSONField(
        default=list, blank=True, help_text=_("Category slugs, language codes (de) or severities (critical).")
    )
    last_assigned_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["team", "user"]
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="member_once_per_team")]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class EscalationStep(models.Model):
    """One step of a team's escalation path, in order."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="escalation_steps")
    position = models.PositiveSmallIntegerField()
    target = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ["team", "position"]
        constraints = [
            models.UniqueConstraint(fields=["team", "position"], name="escalation_position_once"),
            models.CheckConstraint(
                condition=~models.Q(team=models.F("target")), name="escalation_not_to_itself"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team} → {self.target}"
