"""Closed sets of triage."""

from django.db import models


class Purpose(models.TextChoices):
    """Why a run exists."""

    TRIAGE = "triage", "Triage"
    DRAFT = "draft", "Draft"


class RunState(models.TextChoices):
    """Life of a run. ``stuck`` means: tried often enough, a person must look."""

    PENDING = "pending", "Waiting"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    STUCK = "stuck", "Needs a person"
    SUPERSEDED = "superseded", "Superseded"


class StepStatus(models.TextChoices):
    """How a step ended."""

    COMPLETED = "completed", "Completed"
    DEGRADED = "degraded", "Degraded"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"


class ExampleSource(models.TextChoices):
    """Where a labelled example comes from."""

    STARTER = "starter", "Starter set"
    REVIEW = "review", "Review"
    BLIND = "blind", "Blind sample"
    IMPORT = "import", "Import"


class ModelState(models.TextChoices):
    """Life of a trained model. A shadow was judged and not found better; it answers nothing."""

    CANDIDATE = "candidate", "Candidate"
    ACTIVE = "active", "Active"
    SHADOW = "shadow", "Shadow"
    RETIRED = "retired", "Retired"


class ModelAction(models.TextChoices):
    """What was decided about a model."""

    PROMOTED = "promoted", "Promoted"
    KEPT = "kept", "Kept as shadow"
    ROLLED_BACK = "rolled_back", "Rolled back"


class ReviewState(models.TextChoices):
    """Life of a review item."""

    OPEN = "open", "Open"
    ACCEPTED = "accepted", "Accepted"
    CORRECTED = "corrected", "Corrected"
    OBSOLETE = "obsolete", "Obsolete"


class DraftState(models.TextChoices):
    """What became of a draft (C16)."""

    PROPOSED = "proposed", "Proposed"
    ACCEPTED = "accepted", "Accepted"
    EDITED = "edited", "Edited"
    REJECTED = "rejected", "Rejected"
    REPLACED = "replaced", "Replaced"


class ProviderStep(models.TextChoices):
    """What a language model is asked for."""

    ANY = "any", "Everything"
    TRIAGE = "triage", "Triage"
    DRAFT = "draft", "Drafts"
    CHAT = "chat", "Chat"


class ProviderTier(models.TextChoices):
    """When a language model is asked."""

    PRIMARY = "primary", "First, in the order of the list"
    ADVANCED = "advanced", "Only where the first stays unsure"


class PromptVariant(models.TextChoices):
    """The tickets a prompt is written for."""

    ANY = "", "All tickets"
    LOG = "log", "Tickets with a log file"
    TABLE = "table", "Tickets with a CSV, JSON or XML file"
    DOCUMENT = "document", "Tickets with a PDF or DOCX file"
    COMPLEX = "complex", "Long tickets: reasoning first"


class ProposalKind(models.TextChoices):
    """What a mined phrase becomes."""

    KEYWORD = "keyword", "Keyword of a category"
    ROUTING = "routing", "Routing rule"


class ProposalState(models.TextChoices):
    """Life of a proposed rule."""

    PROPOSED = "proposed", "Proposed"
    ADOPTED = "adopted", "Adopted"
    DISMISSED = "dismissed", "Dismissed"


class TrialState(models.TextChoices):
    """Life of a change that is tried."""

    PENDING = "pending", "Waiting"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Done"
    FAILED = "failed", "Failed"


class Tone(models.TextChoices):
    """How a draft speaks."""

    FORMAL = "formal", "Formal"
    FRIENDLY = "friendly", "Friendly"
    TECHNICAL = "technical", "Technical"


class ChatAudience(models.TextChoices):
    """For whom an answer was found: it decides which sources it may rest on."""

    REQUESTER = "requester", "Requester"
    AGENT = "agent", "Agent"


class ChatRole(models.TextChoices):
    """Who speaks."""

    USER = "user", "Person"
    ASSISTANT = "assistant", "Assistant"
