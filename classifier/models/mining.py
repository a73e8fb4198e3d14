"""Rules that confirmed labels suggest."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from classifier.choices import ProposalKind, ProposalState
from common.models import Timestamped
from teams.models import Client, Team, User
from ticketing.models import Category, Taxonomy
from ticketing.querysets import ClientOwnedQuerySet


class RuleProposal(Timestamped):
    """A phrase that points to a category or a team. Invariant: proposed once; a dismissed one stays so."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    taxonomy = models.ForeignKey(Taxonomy, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8, choices=ProposalKind.choices)
    phrase = models.CharField(max_length=120)
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    support = models.PositiveIntegerField(help_text=_("Confirmed texts with the phrase, of those kept back."))
    right = models.PositiveIntegerField(help_text=_("Of these, texts with the label."))
    bound = models.FloatField(help_text=_("Exact lower bound of the share that is right, at 95 %."))
    state = models.CharField(max_length=10, choices=ProposalState.choices, default=ProposalState.PROPOSED)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = ClientOwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-bound", "-support", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "taxonomy", "kind", "phrase"], name="rule_proposed_once"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="keyword", category__isnull=False)
                | models.Q(kind="routing", team__isnull=False),
                name="proposal_names_its_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"“{self.phrase}” → {self.category or self.team}"
