"""Shapes of what pages of triage send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from classifier.choices import ModelState, Tone
from classifier.models import LocalModel, PromptVersion
from classifier.services.reviews import REVIEW_FIELDS
from classifier.services.what_if import MOST_TICKETS, Change
from common.actors import Actor
from teams.models import Client
from ticketing.models import RoutingRule, Taxonomy


class DraftForm(forms.Form):
    """What to do with the suggested reply."""

    action = forms.ChoiceField(choices=[("new", _("New")), ("take", _("Take")), ("dismiss", _("Dismiss"))])
    tone = forms.ChoiceField(choices=[("", ""), *Tone.choices], required=False)


class ReviewForm(forms.Form):
    """A reviewer's labels, one a field; which fields are asked follows from the item."""

    category = forms.SlugField(required=False, max_length=60)
    severity = forms.SlugField(required=False, max_length=10)
    team = forms.SlugField(required=False, max_length=60)

    def decisions(self) -> dict[str, str]:
        """The labels that were chosen."""
        return {str(name): self.cleaned_data[name] for name in REVIEW_FIELDS if self.cleaned_data.get(name)}


class OperateForm(forms.Form):
    """What to do with a language model."""

    action = forms.ChoiceField(choices=[("pause", _("Pause")), ("resume", _("Resume"))])


class ProposalForm(forms.Form):
    """What becomes of a proposed rule."""

    action = forms.ChoiceField(choices=[("adopt", _("Adopt")), ("dismiss", _("Dismiss"))])


class TrialForm(forms.Form):
    """A text to send to a language model, as a ticket of one client."""

    client = forms.ModelChoiceField(queryset=Client.objects.none(), empty_label=None, label=_("Client"))
    text = forms.CharField(
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        initial="Hello, my name is Jane Miller (jane.miller@example.org, +1 202 555 0143). The VPN drops.",
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        clients = Client.objects.visible_to(actor).active().order_by("name")
        self.fields["client"].queryset = clients  # type: ignore[attr-defined]


class ChooserForm(forms.Form):
    """Which precision a lead wants among what is applied, of every category or of one."""

    precision = forms.FloatField(
        min_value=0.5,
        max_value=0.999,
        initial=0.95,
        label=_("Right among what is applied"),
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "0.005"}),
    )
    category = forms.ChoiceField(
        required=False, label=_("Where the answer is"), widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, values: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["category"].choices = [("", gettext("any value")), *values]  # type: ignore[attr-defined]


class ApplyForm(ChooserForm):
    """The same, and the client it is applied to; empty for a category's own bound."""

    client = forms.SlugField(required=False, max_length=60)


class ReasonForm(forms.Form):
    """Why a model goes into use or out of it."""

    reason = forms.CharField(
        max_length=500,
        label=_("Why"),
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": _("Why? Everybody who looks will read it.")}),
    )


class WhatIfForm(forms.Form):
    """A change to try on the newest tickets of one client."""

    client = forms.ModelChoiceField(queryset=Client.objects.none(), empty_label=None, label=_("Client"))
    last = forms.IntegerField(min_value=1, max_value=MOST_TICKETS, initial=100, label=_("Newest tickets"))
    accept = forms.FloatField(min_value=0, max_value=1, required=False, label=_("Accept from"))
    suggest = forms.FloatField(min_value=0, max_value=1, required=False, label=_("Suggest from"))
    model = forms.ModelChoiceField(
        queryset=LocalModel.objects.none(), required=False, label=_("Another model")
    )
    rule = forms.ModelChoiceField(
        queryset=RoutingRule.objects.none(), required=False, label=_("A rule switched the other way")
    )
    prompt = forms.ModelChoiceField(
        queryset=PromptVersion.objects.none(), required=False, label=_("Another prompt")
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        models = LocalModel.objects.filter(taxonomy__in=Taxonomy.objects.visible_to(actor))
        offered = {
            "client": Client.objects.visible_to(actor).active().order_by("name"),
            "model": models.exclude(state=ModelState.ACTIVE).select_related("taxonomy"),
            "rule": RoutingRule.objects.visible_to(actor),
            "prompt": PromptVersion.objects.visible_to(actor),
        }
        for name, rows in offered.items():
            self.fields[name].queryset = rows  # type: ignore[attr-defined]

    def change(self) -> Change:
        """What is to be tried."""
        names = ("accept", "suggest", "model", "rule", "prompt")
        return Change(**{name: self.cleaned_data[name] for name in names})
