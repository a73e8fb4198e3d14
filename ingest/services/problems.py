"""The report on rows at fault, to take along (T12)."""

from __future__ import annotations

import csv
import io

from ingest.models import ImportJob
from ticketing.services.export import safe_cell


def problems_csv(*, job: ImportJob) -> bytes:
    """Row, column, value and problem; no cell runs as a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["Row", "Column", "Value", "Problem"])
    for item in job.problems:
        writer.writerow(
            [item["row"], *(safe_cell(str(item[name])) for name in ("column", "value", "problem"))]
        )
    return text.getvalue().encode("utf-8-sig")
