"""Shapes of what pages of promises send."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from common.actors import Actor
from sla.choices import TargetKind
from sla.models import Policy
from sla.simulation import MOST_TICKETS, Rule, Window, rule_of
from teams.models import BusinessCalendar, Team
from ticketing.choices import Severity
from ticketing.models import Category

_MOST_MINUTES = 5_256_000
_DAYS = (7, 30, 90, 365)


def _periods() -> list[tuple[int, str]]:
    """Asked for with each page, so that the reader's language is known."""
    return [(days, gettext("%(period)s days") % {"period": days}) for days in _DAYS]


class PolicyChoiceForm(forms.Form):
    """Which policy a draft starts from; one that is switched off is a draft too."""

    policy = forms.ModelChoiceField(
        label=_("Policy"), queryset=Policy.objects.none(), widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Policy.objects.visible_to(actor).prefetch_related("targets")
        self.fields["policy"].queryset = rows  # type: ignore[attr-defined]


class SimulationForm(PolicyChoiceForm):
    """A draft: targets in working minutes (empty for no promise), hours, conditions, and which past."""

    last = forms.TypedChoiceField(
        label=_("Tickets opened in the last"),
        choices=_periods,
        coerce=int, initial=30, widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    newest = forms.IntegerField(
        label=_("or only the newest"), min_value=1, max_value=MOST_TICKETS, required=False,
        widget=UnfoldAdminIntegerFieldWidget,
    )  # fmt: skip
    calendar = forms.ModelChoiceField(
        BusinessCalendar.objects.all(), required=False, label=_("Calendar"),
        empty_label=_("Around the clock"), widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    category = forms.ModelChoiceField(
        Category.objects.none(), required=False, label=_("Only category"), empty_label=_("Any"),
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    team = forms.ModelChoiceField(
        Team.objects.none(), required=False, label=_("Only team"), empty_label=_("Any"),
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    severity = forms.ChoiceField(
        label=_("Only severity"), required=False, choices=[("", _("Any")), *Severity.choices],
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, actor=actor, **kwargs)
        categories = Category.objects.visible_to(actor).order_by("name")
        self.fields["category"].queryset = categories  # type: ignore[attr-defined]
        self.fields["team"].queryset = Team.objects.visible_to(actor).order_by("name")  # type: ignore[attr-defined]
        for kind, words in TargetKind.choices:
            for severity, label in Severity.choices:
                self.fields[f"{kind}-{severity}"] = forms.IntegerField(
                    label=f"{words}, {label}", min_value=1, max_value=_MOST_MINUTES, required=False,
                    widget=UnfoldAdminIntegerFieldWidget,
                )  # fmt: skip

    def target_rows(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields of the targets, one row a kind, by severity."""
        return [
            (str(words), [self[f"{kind}-{severity}"] for severity in Severity.values])
            for kind, words in TargetKind.choices
        ]

    def draft(self) -> Rule:
        """The policy with what was changed in the form."""
        values, base = self.cleaned_data, rule_of(self.cleaned_data["policy"])
        minutes = {
            (kind, severity): values[f"{kind}-{severity}"]
            for kind in TargetKind.values
            for severity in Severity.values
            if values[f"{kind}-{severity}"]
        }
        return Rule(
            policy_id=base.policy_id,
            name=base.name,
            client_id=base.client_id,
            order=base.order,
            category_id=values["category"].pk if values["category"] else None,
            team_id=values["team"].pk if values["team"] else None,
            severity=values["severity"],
            calendar_id=values["calendar"].pk if values["calendar"] else None,
            minutes=minutes,
        )

    def window(self) -> Window:
        """Days, or the newest tickets where a number is given."""
        newest = self.cleaned_data["newest"]
        return Window(tickets=newest) if newest else Window(days=self.cleaned_data["last"])


def values_of(policy: Policy) -> dict[str, Any]:
    """A policy as the first values of the form."""
    rule = rule_of(policy)
    targets = {f"{kind}-{severity}": minutes for (kind, severity), minutes in rule.minutes.items()}
    return {
        "policy": policy.pk, "calendar": rule.calendar_id, "category": rule.category_id, "team": rule.team_id,
        "severity": rule.severity, **targets,
    }  # fmt: skip
