"""TXT: a mail saved as text."""

from __future__ import annotations

from ingest.samples.model import Sample
from ingest.samples.renderers.heading import sender


def render_txt(sample: Sample) -> bytes:
    """Mail headers, a blank line, the body; in the encoding that the sample asks for."""
    headers = [
        f"From: {sender(sample)}",
        "To: IT Service Desk <helpdesk@example.com>",
        f"Date: {sample.reported:%Y-%m-%d %H:%M} UTC",
        f"Subject: {sample.subject}",
    ]
    return "\n".join([*headers, "", sample.body, ""]).encode(sample.encoding)
