"""Closed sets of triage."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Purpose(models.TextChoices):
    """Why a run exists."""

    TRIAGE = "triage", _("Triage")
    DRAFT = "draft", _("Draft")


class RunState(models.TextChoices):
    """Life of a run. ``stuck`` means: tried often enough, a person must look."""

    PENDING = "pending", _("Waiting")
    RUNNING = "running", _("Running")
    COMPLETED = "completed", _("Completed")
    STUCK = "stuck", _("Needs a person")
    SUPERSEDED = "superseded", _("Superseded")


class StepStatus(models.TextChoices):
    """How a step ended."""

    COMPLETED = "completed", _("Completed")
    DEGRADED = "degraded", _("Degraded")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")


class ExampleSource(models.TextChoices):
    """Where a labelled example comes from."""

    STARTER = "starter", _("Starter set")
    REVIEW = "review", _("Review")
    BLIND = "blind", _("Blind sample")
    IMPORT = "import", _("Import")


class ModelState(models.TextChoices):
    """Life of a trained model. A shadow was judged and not found better; no ticket follows it."""

    CANDIDATE = "candidate", _("Candidate")
    ACTIVE = "active", _("Active")
    SHADOW = "shadow", _("Shadow")
    RETIRED = "retired", _("Retired")


class ModelAction(models.TextChoices):
    """What was decided about a model."""

    PROMOTED = "promoted", _("Promoted")
    KEPT = "kept", _("Kept as shadow")
    ROLLED_BACK = "rolled_back", _("Rolled back")
    SHADOWED = "shadowed", _("Answers beside the model in use")
    UNSHADOWED = "unshadowed", _("Answers no longer beside it")


class ReviewState(models.TextChoices):
    """Life of a review item."""

    OPEN = "open", _("Open")
    ACCEPTED = "accepted", _("Accepted")
    CORRECTED = "corrected", _("Corrected")
    OBSOLETE = "obsolete", _("Obsolete")


class DraftState(models.TextChoices):
    """What became of a draft (C16)."""

    PROPOSED = "proposed", _("Proposed")
    ACCEPTED = "accepted", _("Accepted")
    EDITED = "edited", _("Edited")
    REJECTED = "rejected", _("Rejected")
    REPLACED = "replaced", _("Replaced")


class ProviderStep(models.TextChoices):
    """What a language model is asked for."""

    ANY = "any", _("Everything")
    TRIAGE = "triage", _("Triage")
    DRAFT = "draft", _("Drafts")
    CHAT = "chat", _("Chat")


class ProviderTier(models.TextChoices):
    """When a language model is asked."""

    PRIMARY = "primary", _("First, in the order of the list")
    ADVANCED = "advanced", _("Only where the first stays unsure")


class CallPurpose(models.TextChoices):
    """Why a language model was asked."""

    WORK = "work", _("Daily work")
    EVALUATION = "evaluation", _("Evaluation")


class PromptVariant(models.TextChoices):
    """The tickets a prompt is written for."""

    ANY = "", _("All tickets")
    LOG = "log", _("Tickets with a log file")
    TABLE = "table", _("Tickets with a CSV, JSON or XML file")
    DOCUMENT = "document", _("Tickets with a PDF or DOCX file")
    COMPLEX = "complex", _("Long tickets: reasoning first")


class ProposalKind(models.TextChoices):
    """What a mined phrase becomes."""

    KEYWORD = "keyword", _("Keyword of a category")
    ROUTING = "routing", _("Routing rule")


class ProposalState(models.TextChoices):
    """Life of a proposed rule."""

    PROPOSED = "proposed", _("Proposed")
    ADOPTED = "adopted", _("Adopted")
    DISMISSED = "dismissed", _("Dismissed")


class TrialState(models.TextChoices):
    """Life of a change that is tried."""

    PENDING = "pending", _("Waiting")
    RUNNING = "running", _("Running")
    COMPLETED = "completed", _("Done")
    FAILED = "failed", _("Failed")


class Tone(models.TextChoices):
    """How a draft speaks."""

    FORMAL = "formal", _("Formal")
    FRIENDLY = "friendly", _("Friendly")
    TECHNICAL = "technical", _("Technical")


class ChatAudience(models.TextChoices):
    """For whom an answer was found: it decides which sources it may rest on."""

    REQUESTER = "requester", _("Requester")
    AGENT = "agent", _("Agent")


class ChatRole(models.TextChoices):
    """Who speaks."""

    USER = "user", _("Person")
    ASSISTANT = "assistant", _("Assistant")
