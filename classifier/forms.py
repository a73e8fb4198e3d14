"""Shapes of what pages of triage send."""

from __future__ import annotations

from django import forms

from classifier.choices import Tone
from classifier.services.reviews import REVIEW_FIELDS


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
