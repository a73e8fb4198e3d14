"""Shapes of what pages of triage send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from classifier.choices import Tone
from classifier.services.reviews import REVIEW_FIELDS
from common.actors import Actor
from teams.models import Client


class DraftForm(forms.Form):
    """What to do with the suggested reply."""

    action = forms.ChoiceField(choices=[("new", "New"), ("take", "Take"), ("dismiss", "Dismiss")])
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

    action = forms.ChoiceField(choices=[("pause", "Pause"), ("resume", "Resume")])


class ProposalForm(forms.Form):
    """What becomes of a proposed rule."""

    action = forms.ChoiceField(choices=[("adopt", "Adopt"), ("dismiss", "Dismiss")])


class TrialForm(forms.Form):
    """A text to send to a language model, as a ticket of one client."""

    client = forms.ModelChoiceField(queryset=Client.objects.none(), empty_label=None)
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
        label="Right among what is applied",
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "0.005"}),
    )
    category = forms.ChoiceField(required=False, label="Where the answer is", widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, values: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["category"].choices = [("", "any value"), *values]  # type: ignore[attr-defined]


class ApplyForm(ChooserForm):
    """The same, and the client it is applied to; empty for a category's own bound."""

    client = forms.SlugField(required=False, max_length=60)


class ReasonForm(forms.Form):
    """Why a model goes into use or out of it."""

    reason = forms.CharField(
        max_length=500,
        label="Why",
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "Why? Everybody who looks will read it."}),
    )
