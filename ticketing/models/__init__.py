"""What a ticket is and everything that belongs to it."""

from ticketing.models.audit import Assignment, TicketEvent
from ticketing.models.conversation import Attachment, Message
from ticketing.models.feedback import TicketFeedback
from ticketing.models.knowledge import Article, ArticleFeedback
from ticketing.models.mail import RequesterMailTemplate
from ticketing.models.merges import TicketFollower, TicketMerge
from ticketing.models.reference import (
    Category,
    CategoryField,
    ClientSettings,
    Module,
    Project,
    RoutingRule,
    Taxonomy,
)
from ticketing.models.requesters import Requester, RequesterAddress
from ticketing.models.tickets import (
    ExternalReference,
    FieldDecision,
    Tag,
    Ticket,
    TicketLink,
    TicketNumber,
    TicketSearchDocument,
)
from ticketing.models.tools import BulkAction, Macro, SavedView
from ticketing.models.transfers import ImportedTicket, TicketBatch, TicketExport

__all__ = [
    "Article",
    "ArticleFeedback",
    "Assignment",
    "Attachment",
    "BulkAction",
    "Category",
    "CategoryField",
    "ClientSettings",
    "ExternalReference",
    "FieldDecision",
    "ImportedTicket",
    "Macro",
    "Message",
    "Module",
    "Project",
    "Requester",
    "RequesterAddress",
    "RequesterMailTemplate",
    "RoutingRule",
    "SavedView",
    "Tag",
    "Taxonomy",
    "Ticket",
    "TicketBatch",
    "TicketEvent",
    "TicketExport",
    "TicketFeedback",
    "TicketFollower",
    "TicketLink",
    "TicketMerge",
    "TicketNumber",
    "TicketSearchDocument",
]
