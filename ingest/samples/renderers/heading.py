"""What every form of a ticket says first: when it was sent, by whom."""

from __future__ import annotations

from ingest.samples.model import Sample


def sender(sample: Sample) -> str:
    """Name and address as a mail program writes them."""
    return f"{sample.requester.name} <{sample.requester.email}>"


def header_fields(sample: Sample) -> dict[str, str]:
    """The header of a printed form: the sender's data, then the sample's own fields."""
    return {
        "Reported": sample.reported.strftime("%d.%m.%Y %H:%M UTC"),
        "Reported by": sample.requester.name,
        "E-mail": sample.requester.email,
        "Department": f"{sample.requester.department}, {sample.requester.site}",
        **sample.fields,
    }
