"""LOG: an excerpt of a log with a note by the person who sends it, above or below."""

from __future__ import annotations

import textwrap

from ingest.samples.model import Sample
from ingest.samples.renderers.heading import sender

NOTE_WIDTH = 100


def render_log(sample: Sample) -> bytes:
    """The log as it is; the note wrapped as an editor would wrap it."""
    note = [
        f"Subject: {sample.subject}",
        f"From: {sender(sample)}",
        *textwrap.wrap(sample.body, NOTE_WIDTH, break_long_words=False, break_on_hyphens=False),
    ]
    log = sample.log.splitlines()
    lines = [*log, "", *note] if sample.note_last else [*note, "", *log]
    return ("\n".join(lines) + "\n").encode()
