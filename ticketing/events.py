"""What ticketing tells the upper apps. ``docs/events.md`` mirrors this list and its receivers.

Every event is published by a service inside its transaction.
"""

from common.events import DomainEvent

ticket_opened = DomainEvent("ticketing.ticket_opened")
"""ticket: Ticket, actor: Actor, intent: TriageIntent."""

ticket_changed = DomainEvent("ticketing.ticket_changed")
"""ticket: Ticket, actor: Actor, fields: frozenset[str] — names of the fields that have new values."""

ticket_triaged = DomainEvent("ticketing.ticket_triaged")
"""ticket: Ticket, run_uuid: UUID, needs_review: bool, reassigned: bool,
of which ``ticket_assigned`` has told just before."""

field_decided = DomainEvent("ticketing.field_decided")
"""ticket: Ticket, actor: Actor, decisions: dict[str, str] — values a person confirmed or corrected."""

ticket_assigned = DomainEvent("ticketing.ticket_assigned")
"""ticket: Ticket, actor: Actor, assignment: Assignment, freed_team_id: int | None — whose member has room."""

status_changed = DomainEvent("ticketing.status_changed")
"""ticket: Ticket, actor: Actor, old: Status, new: Status; takes_back: datetime, when the change was made that
is taken back, where one is."""

ticket_merged = DomainEvent("ticketing.ticket_merged")
"""ticket: Ticket (closed as merged), target: Ticket, actor: Actor."""

ticket_unmerged = DomainEvent("ticketing.ticket_unmerged")
"""ticket: Ticket (as before the merge), target: Ticket, actor: Actor."""

message_added = DomainEvent("ticketing.message_added")
"""ticket: Ticket, message: Message, actor: Actor, draft_uuid: UUID | None — the draft it was made from."""

attachment_added = DomainEvent("ticketing.attachment_added")
"""attachment: Attachment, actor: Actor."""

tickets_imported = DomainEvent("ticketing.tickets_imported")
"""batch: TicketBatch, actor: Actor, triage: ImportTriage — once a batch, never a ticket (T14)."""
