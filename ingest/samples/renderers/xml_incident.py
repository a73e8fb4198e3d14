"""XML: the export of an incident from another service desk."""

from __future__ import annotations

# Only writes; parsing of foreign XML is the parsers' business.
from xml.etree import ElementTree as ET

from ingest.samples.model import Sample


def render_xml(sample: Sample) -> bytes:
    """One incident with its caller, texts and additional fields."""
    incident = ET.Element("incident", number=f"INC{4400000 + sample.id * 17:07d}")
    _add(incident, "opened_at", f"{sample.reported:%Y-%m-%dT%H:%M:%SZ}")
    caller = ET.SubElement(incident, "caller")
    _add(caller, "name", sample.requester.name)
    _add(caller, "email", sample.requester.email)
    _add(caller, "department", sample.requester.department)
    _add(incident, "short_description", sample.subject)
    _add(incident, "description", sample.body)
    details = ET.SubElement(incident, "additional_information")
    for name, value in sample.fields.items():
        _add(details, "field", value).set("label", name)
    ET.indent(incident)
    written: bytes = ET.tostring(incident, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _add(parent: ET.Element, tag: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, tag)
    element.text = text
    return element
