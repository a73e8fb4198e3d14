"""JSON: what a web form posts, or a monitoring alert with a person's comment."""

from __future__ import annotations

import json

from ingest.samples.model import Sample


def render_json(sample: Sample) -> bytes:
    """A readable payload in UTF-8."""
    person = {"name": sample.requester.name, "email": sample.requester.email, "site": sample.requester.site}
    moment = f"{sample.reported:%Y-%m-%dT%H:%M:%SZ}"
    payload: dict[str, object]
    if sample.style == "alert":
        payload = {
            "title": sample.subject,
            "raised_at": moment,
            "alert": dict(sample.fields),
            "acknowledged_by": person,
            "comment": sample.body,
        }
    else:
        payload = {
            "form": "it-help",
            "submitted_at": moment,
            "submitter": person,
            "subject": sample.subject,
            "message": sample.body,
            "details": dict(sample.fields),
        }
    return (json.dumps(payload, ensure_ascii=False, indent=2) + "\n").encode()
