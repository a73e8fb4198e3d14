"""Which language models may be asked, and with which words."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from jinja2 import TemplateError
from simple_history.models import HistoricalRecords

from classifier.choices import PromptVariant, ProviderStep, ProviderTier
from classifier.llm.config import NEED_ADDRESS, NEED_KEY, ProviderKind, StructuredOutput, is_address
from classifier.llm.fused import prompt_check
from classifier.llm.prompts import Prompt
from common.models import Timestamped
from teams.models import Client, Credential
from ticketing.querysets import SharedQuerySet

_MONEY = {"max_digits": 10, "decimal_places": 4, "default": Decimal(0)}


class LlmProvider(Timestamped):
    """A language model that may be asked.

    Invariant: a client with rows of its own is never sent to a shared one, nor to that of the environment.
    """

    client = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text=_("Empty: for every client that has none of its own."),
    )
    name = models.CharField(max_length=80)
    kind = models.CharField(
        max_length=12, choices=[(kind.value, kind.value.title()) for kind in ProviderKind]
    )
    model = models.CharField(
        max_length=120, help_text=_("As the provider names it; for Azure the deployment. Models retire.")
    )
    base_url = models.CharField(
        "address",
        max_length=300,
        blank=True,
        help_text=_("Azure, Ollama and compatible servers need one. Only administrators may set it."),
    )
    api_version = models.CharField(max_length=40, blank=True, help_text=_("Azure only."))
    credential = models.ForeignKey(
        Credential,
        null=True,
        blank=True,
        on_delete=models.RESTRICT,
        related_name="+",
        help_text=_("The API key."),
    )
    step = models.CharField("asked for", max_length=8, choices=ProviderStep.choices, default=ProviderStep.ANY)
    tier = models.CharField(
        "asked when", max_length=10, choices=ProviderTier.choices, default=ProviderTier.PRIMARY
    )
    position = models.PositiveSmallIntegerField(
        default=10, help_text=_("Lower is asked first; the next one is the fallback.")
    )
    is_active = models.BooleanField("in use", default=True)
    is_internal = models.BooleanField(
        "stays in the house",
        default=False,
        help_text=_("What is sent to it never leaves. Only administrators may say so."),
    )
    timeout_seconds = models.FloatField(
        default=10.0, validators=[MinValueValidator(0.5), MaxValueValidator(120.0)]
    )
    max_tokens = models.PositiveIntegerField(default=2048, help_text=_("Longest answer."))
    num_ctx = models.PositiveIntegerField(
        "context window", default=8192, help_text=_("Ollama only, in tokens.")
    )
    structured_output = models.CharField(
        max_length=12,
        choices=[(form.value, form.value) for form in StructuredOutput],
        default=StructuredOutput.JSON_SCHEMA.value,
    )
    price_input = models.DecimalField("dollars per million tokens in", **_MONEY)  # type: ignore[arg-type]
    price_output = models.DecimalField("dollars per million tokens out", **_MONEY)  # type: ignore[arg-type]

    objects = SharedQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["client", "position", "pk"]
        verbose_name = _("language model record")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A credential belongs to the same client, or is shared like the row; an address can be called."""
        if self.credential is not None and self.credential.client_id not in {None, self.client_id}:
            raise ValidationError({"credential": "This credential belongs to another client."})
        if self.is_active:
            self._check_complete()
        if self.base_url and not is_address(self.base_url):
            raise ValidationError({"base_url": "This is not an http or https address."})

    def _check_complete(self) -> None:
        """A row in use that cannot be asked would leave its client without any model."""
        if self.credential is None and self.kind in NEED_KEY:
            raise ValidationError(
                {"credential": "This provider needs a key. Leave it out of use until it has one."}
            )
        if not self.base_url and self.kind in NEED_ADDRESS:
            raise ValidationError({"kind": "This provider needs an address, which an administrator sets."})


class PromptVersion(Timestamped):
    """The words around a ticket. Invariant: the text of a stored version never changes; a copy is edited.

    The share of tickets a version gets is its weight among the active ones of the same client and variant;
    where there is none, the shipped prompt is used.
    """

    client = models.ForeignKey(
        Client,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text=_("Empty: shared."),
    )
    name = models.SlugField(
        max_length=40, help_text=_("Shown in predictions, with a fingerprint of the text.")
    )
    variant = models.CharField(max_length=10, choices=PromptVariant.choices, blank=True)
    system = models.TextField(
        help_text=_("Static instructions, sent first so that providers can reuse them.")
    )
    before = models.TextField(help_text=_("Stands before the ticket; opens it with the marker."))
    after = models.TextField(help_text=_("Stands after the ticket; closes it with the marker."))
    examples = models.PositiveSmallIntegerField(
        default=4,
        validators=[MaxValueValidator(5)],
        help_text=_("Confirmed tickets shown as examples; 0 for none."),
    )
    weight = models.PositiveSmallIntegerField(
        default=1, help_text=_("Share of tickets among active versions.")
    )
    is_active = models.BooleanField("in use", default=False)
    note = models.CharField(max_length=200, blank=True)

    objects = SharedQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["client", "name", "-created_at"]

    def __str__(self) -> str:
        return self.prompt.version

    @property
    def prompt(self) -> Prompt:
        """The prompt in the form the engine takes it."""
        return Prompt(self.name, self.system, self.before, self.after)

    def clean(self) -> None:
        """Render it with an invented taxonomy: a broken prompt is refused here, not at night."""
        try:
            problem = prompt_check(self.prompt)
        except TemplateError as error:
            problem = f"The template cannot be rendered: {error}."
        if problem:
            raise ValidationError(problem)
