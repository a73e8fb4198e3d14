"""Finders of the built-in fields: each walks the text once and yields candidates with exact spans.

Every quantifier here is bounded and none is nested in another of variable length, so a finder's time
grows with the length of the text and nothing else. Confidence follows the kind of pattern: a format
that nothing else has (``ORD-123456``) is nearly certain, a labelled number likely, a bare one doubtful.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from classifier.engine import checks
from classifier.engine.phrases import word_set


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate: where it stands, its normal form, how sure its kind is, and what is wrong with it."""

    name: str
    start: int
    end: int
    normalized: str
    confidence: float
    kind: str
    problem: str = ""


Finder = Callable[[str], Iterator[Found]]
_I: Final = re.IGNORECASE

_ORDER_LABEL: Final = (
    r"\b(?:(?:purchase|sales|web|online)[ ]{1,2})?(?:order|bestellung|bestellnummer|auftrag|commande|pedido)"
)
_ORDER_MARK: Final = r"(?:[ ]{0,2}(?:-|_)?[ ]{0,2}(?:number|num|no|nr|id|ref|reference)\b\.?)"
_ORDER_RULES: Final = (
    (
        "prefixed",
        0.97,
        re.compile(r"(?<![\w-])(ORD[-_]?[0-9][0-9A-Z-]{1,18}[0-9A-Z]|ORD-[0-9A-Z]{3,18})(?![\w-])", _I),
    ),
    ("prefixed", 0.85, re.compile(r"(?<![\w-])((?:PO|SO)-?\d{4,12})(?![\w-])")),
    (
        "marked",
        0.93,
        re.compile(
            _ORDER_LABEL
            + r"(?:"
            + _ORDER_MARK
            + r"(?:[ ]{0,2}(?:is|was|lautet))?[ ]{0,2}[:=]?|[ ]{0,2}[:=]|[ ]{0,2}(?=\#))"
            r"[ ]{0,2}(\#?[ ]?[A-Z]{0,4}-?\d[\dA-Z-]{0,18})(?![\w-])",
            _I,
        ),
    ),
    ("worded", 0.82, re.compile(_ORDER_LABEL + r"[ ]{1,2}([A-Z]{0,3}-?\d[\d-]{4,18})(?![\w-])", _I)),
    ("marketplace", 0.85, re.compile(r"(?<![\w-])(\d{3}-\d{7}-\d{7})(?![\w-])")),
    ("hash", 0.60, re.compile(r"(?<![\w#&/])(#\d{3,12})(?![\w-])")),
)
_OTHER_NUMBER_BEFORE: Final = re.compile(
    r"\b(?:ticket|issue|bug|invoice|case|incident|request|room|floor|line|port|step|page|version|build|pr|"
    r"pull|customer|"
    r"account|serial|lot|batch|extension|ext|error|rechnung|fall)s?[ ]{0,2}(?:number|no|nr|"
    r"id)?\.?[ ]{0,2}:?[ ]?\Z",
    _I,
)

_STATUS_TEXTS: Final = (
    r"Bad Request|Unauthorized|Forbidden|Not Found|Method Not Allowed|Request Timeout|Conflict|Too Many "
    r"Requests|"
    r"Internal Server Error|Not Implemented|Bad Gateway|Service Unavailable|Gateway Time-?out"
)
_ERROR_RULES: Final = (
    (
        "prefixed",
        0.96,
        re.compile(
            r"(?<![\w-])((?i:err)[-_:]?[0-9][0-9A-Za-z_-]{0,30}|ERR[-_][A-Z][A-Z0-9_-]{1,50}[A-Z0-9])(?![\w-])"
        ),
    ),
    (
        "vendor",
        0.97,
        re.compile(
            r"(?<![\w-])((?:ORA|TNS|PLS|RMAN|DPY|IMP|EXP)-\d{4,5}|SQL\d{4,5}[NCW]|CVE-\d{4}-\d{4,7})(?![\w-])"
        ),
    ),
    (
        "sqlstate",
        0.96,
        re.compile(r"(?<!\w)(SQLSTATE(?:\[[0-9A-Z]{5}\]|[ ]?[:=]?[ ]?[0-9A-Z]{5}(?!\w)))", _I),
    ),
    ("hex", 0.94, re.compile(r"(?<!\w)(0x[0-9A-F]{8})(?!\w)", _I)),
    ("hex", 0.80, re.compile(r"(?<!\w)(0x[0-9A-F]{2,16})(?!\w)", _I)),
    (
        "http",
        0.93,
        re.compile(
            r"(?<!\w)(HTTPS?(?:/\d(?:\.\d)?)?[ -]{0,2}(?:(?:status|error|"
            r"response)[ ]{1,2})?(?:code[ ]{1,2})?:?[ ]?[45]\d\d)(?!\w)",
            _I,
        ),
    ),
    (
        "http",
        0.90,
        re.compile(r"(?<![\w.,#$€£-])([45]\d\d)(?=[ ]{1,2}(?:-[ ])?(?:" + _STATUS_TEXTS + r")\b)", _I),
    ),
    (
        "labelled",
        0.85,
        re.compile(
            r"\b(?:error|fehler|erreur)(?:[ -]{0,2}(?:code|number|no\.|nr\.|nummer|message|id))?(?:[ ]is|"
            r"[ ]was)?[ ]{0,2}[:=#]?[ ]{0,2}"
            r"[\"'“(\[]?([A-Z]{0,6}[-_]?\d{1,8}[A-Z]?(?:[-.]\d{1,6}){0,2})(?![\w-])",
            _I,
        ),
    ),
    (
        "labelled",
        0.80,
        re.compile(
            r"\b(?:status|exit|stop|fault|event)[ ](?:code|id)[ ]{0,2}[:=]?[ ]{0,2}(\d{1,5}|"
            r"[A-Z]{1,4}-?\d{1,5})(?!\w)",
            _I,
        ),
    ),
    (
        "posix",
        0.92,
        re.compile(
            r"(?<!\w)(E(?:CONN(?:REFUSED|RESET|ABORTED)|TIMEDOUT|NOENT|ACCES|PERM|HOSTUNREACH|NETUNREACH|"
            r"ADDRINUSE|PIPE|NOSPC|"
            r"NOTFOUND|MFILE|AI_AGAIN))(?!\w)"
        ),
    ),
    (
        "exception",
        0.90,
        re.compile(r"(?<![\w.])((?:[a-z_]\w{0,40}\.){0,8}[A-Z]\w{1,80}?(?:Exception|Error))(?!\w)"),
    ),
    (
        "stop_code",
        0.84,
        re.compile(
            r"(?<!\w)([A-Z]{2,20}(?:_[A-Z0-9]{1,20}){2,7}|[A-Z0-9]{2,20}_(?:ERROR|EXCEPTION|FAILURE|"
            r"VIOLATION|FAULT|TIMEOUT|DENIED|CORRUPTION|MANAGEMENT|MISMATCH))(?!\w)"
        ),
    ),
    ("short_code", 0.72, re.compile(r"(?<![\w-])([EF]-?\d{2,5})(?![\w-])")),
)

EMAIL: Final = re.compile(r"(?<![\w.%+'@-])[\w.%+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w@-])")
_BROKEN_EMAIL: Final = re.compile(
    r"\be-?mail(?:[ ]address)?(?:[ ]is)?[ ]{0,2}[:=]?[ ]{0,2}([\w.%+-]{1,64}@[\w.@-]{1,100})", _I
)

_PHONE: Final = re.compile(
    r"(?<![\w.#/@-])(?:\+|00)?[(]?\d[\d ()./\-\u00a0]{5,22}\d(?:[ ]?(?:x|ext\.?)[ ]?\d{1,6})?(?![\w@]|-\w|"
    r"\.\d)"
)
# No country's code begins with a zero; dumps of memory are full of them.
_ABROAD: Final = re.compile(r"\+|00[ ]?[(]?[1-9]")
_EXTENSION: Final = re.compile(r"[ ]?(?:x|ext\.?)[ ]?\d{1,6}\Z")
_PHONE_LABEL: Final = re.compile(
    r"\b(?:tele)?(?:phone|tel|telephone|telefon|mobile|mobil|cell|call|reach|fax|handy|whatsapp|number|"
    r"rückruf|contact|dial|text)\b"
    r"[^\n\d]{0,25}\Z",
    _I,
)
_PHONE_SHAPE: Final = re.compile(
    r"(?:\(\d{2,5}\)[ -]?\d|\d{3}[-. ]\d{3}[-. ]\d{4}(?:\D|\Z)|0\d{2,4}[ /-]\d{3,}|"
    r"0\d{1,4}(?:[ /.-]\d{2,4}){2,4}\Z)"
)
_NANP_SHAPE: Final = re.compile(r"(?:\(\d{3}\)[ ]?|\d{3}[-. ])\d{3}[-. ]\d{4}(?:\D|\Z)")
DATE_SHAPE: Final = re.compile(
    r"(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d\d"
)
NUMBER_LABEL: Final = re.compile(
    r"\b(?:order(?:ed)?|invoice|serial|s/n|sn|gtin|ean|upc|barcode|lot|batch|iban|card|ticket|error|code|"
    r"account|id|version|build|reference|ref|tracking|po|item|material|article|part|asset|model|customer|"
    r"contract|policy|case|incident|request|delivery|shipment|job|index)"
    r"[ ]{0,2}(?:number|no|nr|is)?\.?[ ]{0,2}[:#?]{0,2}[ ]{0,3}\Z",
    _I,
)
_MAX_PHONES: Final = 20

_IPV4: Final = re.compile(r"(?<![\w.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w]|\.\d)")
_IPV6: Final = re.compile(
    r"(?<![\w:.])[0-9A-Fa-f:]{3,39}(?:(?<=:)\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})?(?![\w:])"
)
_VERSION_BEFORE: Final = re.compile(r"\b(?:version|build|release|ver|firmware|v)[ ]{0,2}\.?:?[ ]{0,2}\Z", _I)

_GTIN_LABEL: Final = re.compile(
    r"\b(?:gtin|ean|upc|barcode|gs1|jan)(?:[ -]?\d{1,2})?(?:[ ](?:code|number|no\.?|"
    r"is))?[ ]{0,2}[:#=]?[ ]{0,2}\Z",
    _I,
)
_GTIN: Final = re.compile(r"(?<![\w.+-])(?:\d{8}|\d{12,14})(?![\w-]|\.\d)")
_ELEMENT: Final = re.compile(r"\((01|10|21)\)[ ]?([0-9A-Za-z/._-]{1,20})")
_SERIAL: Final = re.compile(
    r"\b(?:serial(?:[ ]?(?:number|no|num|nr|code|#))?|s/n|sn|seriennummer|service[ ]?tag)\b\.?(?:[ ](?:is|"
    r"was|of it is))?[ ]{0,2}[:#=]{0,2}[ ]{0,2}"
    r"([0-9A-Z][0-9A-Z/-]{3,28}[0-9A-Z])(?![\w-])",
    _I,
)
_LOT: Final = re.compile(
    r"\b(?:lot|batch|charge|chargennummer|losnummer)\b(?:[ ]{0,2}(?:number|no|nr|code|id|"
    r"#)\b)?\.?(?:[ ]is)?[ ]{0,2}[:#=]{0,2}[ ]{0,2}"
    r"([0-9A-Z][0-9A-Z/-]{1,18}[0-9A-Z])(?![\w-])",
    _I,
)

_FQDN: Final = re.compile(r"(?<![\w.@%+'-])[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6}(?![\w@-])")
_MACHINE: Final = re.compile(
    r"(?<![\w.@/\\-])((?:srv|server|host|db|sql|web|app|dc|fs|vm|pc|ws|wks|lap|laptop|desktop|nb|prn|prt|"
    r"printer|sw|switch|rtr|"
    r"router|fw|mail|exch|file|prod|dev|stg|staging|node|vpn|esx|win|lnx|ap|nas|erp|backup|core|edge|k8s|"
    r"jenkins)"
    r"[a-z]{0,6}(?:-[a-z0-9]{1,15}){0,3}-?\d{1,5}(?:-[a-z0-9]{1,10})?|(?:LAPTOP|DESKTOP|WIN|PC|"
    r"WS)-[A-Z0-9]{4,15})(?![\w-])",
    _I,
)
_HOST_LABEL: Final = re.compile(
    r"\b(?:hostname|host name|host|computer name|machine name|"
    r"rechnername)(?:[ ]is)?[ ]{0,2}[:=]?[ ]{0,2}([A-Z0-9][A-Z0-9-]{2,40})(?![\w.-])",
    _I,
)
_NETWORK_SUFFIXES: Final = word_set(
    "com net org io dev app cloud ai co eu de at ch fr es pt it nl be pl uk "
    "us ca au in jp se no dk fi ie cz info biz edu "
    "gov mil local lan internal corp intern localdomain home test example site online shop tech"
)

PRODUCT_VENDORS: Final = (
    "Microsoft|Google|Apple|Adobe|Dell|HP|Lenovo|Canon|Epson|Brother|Cisco|Logitech|Samsung|Sony|Zebra|"
    "Jabra|Netgear|"
    "Fortinet|Oracle|Citrix|VMware|Atlassian|Ubiquiti|Synology|Xerox|Kyocera|Asus|Acer|Surface"
)
PRODUCT_NAMES: Final = (
    "Outlook|Excel|Word|PowerPoint|OneDrive|SharePoint|OneNote|Teams|Office 365|Microsoft 365|Visual Studio|"
    "Windows|macOS|"
    "Ubuntu|Android|iOS|iPhone|iPad|MacBook|ThinkPad|LaserJet|OfficeJet|Chrome|Firefox|Edge|Safari|Slack|"
    "Zoom|Webex|"
    "Salesforce|HubSpot|Zendesk|ServiceNow|Jira|Confluence|GitHub|GitLab|Jenkins|Docker|Kubernetes|SAP GUI|"
    "SAP|AnyConnect|"
    "GlobalProtect|FortiClient|PostgreSQL|MySQL|MongoDB|SQL Server|Photoshop|Acrobat|AutoCAD|QuickBooks|"
    "Shopify|Power BI|"
    "Tableau|Galaxy|Pixel|XPS|Latitude|OptiPlex|EliteBook|ProBook|Dropbox|VirtualBox|Citrix|Okta|"
    "Thunderbird|Exchange|"
    "Active Directory|PlayStation|Xbox"
)
_MODEL_WORD: Final = (
    r"(?:[ -](?:[A-Z]{1,4}\d[\w-]{0,12}|\d{1,4}[A-Za-z]{0,2}(?:\.\d{1,3}){0,2}|Pro|Plus|"
    r"Max|Mini|Air|Ultra|Server|Desktop|Online|Carbon|Enterprise|Professional|Home|Gen|MFP|Dock|MX|XL|SE|DC))"
)
_PRODUCT_KNOWN: Final = re.compile(
    r"(?<![\w.@/-])((?:(?:"
    + PRODUCT_VENDORS
    + r")[ ](?:(?:"
    + PRODUCT_NAMES
    + r")|[A-Z][\w-]{1,20})|(?:"
    + PRODUCT_NAMES
    + r"))"
    + _MODEL_WORD
    + r"{0,4})(?![\w@])"
)
_PRODUCT_LABEL: Final = re.compile(
    r"\b(?:product(?:[ ]name)?|produkt|model|modell|item|artikel|device)(?:[ ]is)?[ ]?[:=][ ]{0,2}"
    r"[\"'“]?((?-i:[A-Z0-9])[\w&+.'-]{0,30}(?:[ ](?-i:[A-Z0-9])[\w&+.'-]{0,30}){0,4})",
    _I,
)
_PRODUCT_PHRASE: Final = re.compile(
    r"\b(?:my|the|your|our|a|"
    r"new)[ ](?:new[ ])?((?:[A-Z][A-Za-z]{2,20}[ -]){1,3}[A-Z]{0,4}-?\d[\w-]{0,12})(?![\w-])"
)


def _by_rules(name: str, rules: tuple[tuple[str, float, re.Pattern[str]], ...], text: str) -> Iterator[Found]:
    for kind, confidence, pattern in rules:
        for match in pattern.finditer(text):
            start, end = match.span(1)
            yield Found(name, start, end, text[start:end], confidence, kind)


def find_orders(text: str) -> Iterator[Found]:
    """Order numbers: prefixed, after the word order, or after a number sign."""
    for found in _by_rules("order_id", _ORDER_RULES, text):
        if found.kind == "hash" and _OTHER_NUMBER_BEFORE.search(text, max(0, found.start - 30), found.start):
            continue
        normalized = text[found.start : found.end].lstrip("# ").upper()
        yield Found(found.name, found.start, found.end, normalized, found.confidence, found.kind)


def find_errors(text: str) -> Iterator[Found]:
    """Error codes of applications, databases, operating systems, HTTP, and exception class names."""
    for found in _by_rules("error_code", _ERROR_RULES, text):
        value = text[found.start : found.end]
        if found.kind == "http":
            normalized = f"HTTP {value[-3:]}"
        elif found.kind == "hex":
            normalized = "0x" + value[2:].upper()
        else:
            normalized = value if found.kind == "exception" else value.upper()
        yield Found(found.name, found.start, found.end, normalized, found.confidence, found.kind)


def find_emails(text: str) -> Iterator[Found]:
    """E-mail addresses whose syntax holds; labelled ones that do not are reported as a problem."""
    valid: set[int] = set()
    for match in EMAIL.finditer(text):
        start = match.start() + (len(match.group()) - len(match.group().lstrip("'.")))
        value = text[start : match.end()]
        normalized = checks.normal_email(value)
        valid.add(start)
        problem = "" if normalized else "The e-mail address is not valid."
        yield Found("account_email", start, match.end(), normalized or value, 0.97, "address", problem)
    for match in _BROKEN_EMAIL.finditer(text):
        if match.start(1) not in valid:
            value = match.group(1).rstrip(".")
            end = match.start(1) + len(value)
            yield Found(
                "account_email",
                match.start(1),
                end,
                value,
                0.5,
                "labelled",
                "The e-mail address is not valid.",
            )


def phone_finder(regions: tuple[str, ...]) -> Finder:
    """Return a finder of phone numbers as they are written in ``regions``."""

    def find(text: str) -> Iterator[Found]:
        for start, end, confidence in itertools.islice(phone_candidates(text), _MAX_PHONES):
            value = text[start:end]
            parsed = checks.normal_phone(
                "+" + value[2:] if value.startswith("00") else value,
                ("US", *regions) if _NANP_SHAPE.match(value) else regions,
            )
            if parsed is not None:
                sure = confidence if parsed[1] else confidence - 0.2
                yield Found("phone_number", start, end, parsed[0], sure, "phone")

    return find


def phone_candidates(text: str) -> Iterator[tuple[int, int, float]]:
    """Yield what is written like a phone number or named as one, with the confidence of that."""
    for match in _PHONE.finditer(text):
        value = match.group()
        digits = sum(character.isdigit() for character in _EXTENSION.sub("", value))
        if not 7 <= digits <= 15 or DATE_SHAPE.match(value) or checks.normal_ip(value):
            continue
        confidence = _phone_confidence(text, match.start(), value)
        if confidence:
            yield match.start(), match.end(), confidence


def _phone_confidence(text: str, start: int, value: str) -> float:
    if _ABROAD.match(value):
        return 0.96
    context = max(0, start - 40)
    if NUMBER_LABEL.search(text, context, start) and not re.search(
        r"(?i)phone|tel|mobile", text[context:start]
    ):
        return 0.0
    if _PHONE_LABEL.search(text, context, start):
        return 0.90
    return 0.80 if _PHONE_SHAPE.match(value) else 0.0


def find_ips(text: str) -> Iterator[Found]:
    """IPv4 and IPv6 addresses; four numbers after the word version are no address."""
    for pattern, confidence in ((_IPV4, 0.95), (_IPV6, 0.95)):
        for match in pattern.finditer(text):
            value = match.group()
            if pattern is _IPV6 and (value.count(":") < 2 or not value.strip(":")):
                continue
            normalized = checks.normal_ip(value)
            versioned = _VERSION_BEFORE.search(text, max(0, match.start() - 12), match.start())
            if normalized and not versioned:
                yield Found("ip_address", match.start(), match.end(), normalized, confidence, "address")
            elif pattern is _IPV4 and not versioned:
                yield Found(
                    "ip_address",
                    match.start(),
                    match.end(),
                    value,
                    0.4,
                    "address",
                    "The IP address is not valid.",
                )


def find_gtins(text: str) -> Iterator[Found]:
    """GTINs with a right check digit; a labelled one with a wrong digit is reported as a problem."""
    for match in _GTIN.finditer(text):
        value = match.group()
        labelled = _GTIN_LABEL.search(text, max(0, match.start() - 30), match.start()) is not None
        normalized = checks.normal_gtin(value)
        if normalized:
            bare = {8: 0.0, 12: 0.55, 13: 0.75, 14: 0.78}[len(value)]
            confidence = 0.97 if labelled else bare
            if confidence and not (
                not labelled and NUMBER_LABEL.search(text, max(0, match.start() - 30), match.start())
            ):
                yield Found(
                    "gtin",
                    match.start(),
                    match.end(),
                    normalized,
                    confidence,
                    "labelled" if labelled else "bare",
                )
        elif labelled:
            yield Found(
                "gtin",
                match.start(),
                match.end(),
                value,
                0.4,
                "labelled",
                "The check digit of the GTIN is wrong.",
            )


def find_elements(text: str) -> Iterator[Found]:
    """GTIN, lot and serial of a GS1 element string such as ``(01)…(10)…(21)…``."""
    names = {"01": "gtin", "10": "lot", "21": "serial"}
    for match in _ELEMENT.finditer(text):
        name, value = names[match.group(1)], match.group(2)
        normalized = checks.normal_gtin(value) if name == "gtin" else value.upper()
        problem = "" if normalized else "The check digit of the GTIN is wrong."
        yield Found(name, match.start(2), match.end(2), normalized or value, 0.98, "gs1", problem)


def find_serials(text: str) -> Iterator[Found]:
    """Serial and lot numbers: only after their label, for any code could be one."""
    for name, pattern, confidence in (("serial", _SERIAL, 0.92), ("lot", _LOT, 0.86)):
        for match in pattern.finditer(text):
            normalized = checks.normal_code(match.group(1))
            if normalized:
                yield Found(name, match.start(1), match.end(1), normalized, confidence, "labelled")


def find_hosts(text: str) -> Iterator[Found]:
    """Host names: qualified ones with a known suffix, machine names by their shape, labelled ones."""
    for match in _FQDN.finditer(text):
        labels = match.group().lower().split(".")
        normalized = checks.normal_hostname(match.group())
        if normalized and labels[-1] in _NETWORK_SUFFIXES and not labels[0].isdigit():
            yield Found(
                "hostname",
                match.start(),
                match.end(),
                normalized,
                0.90 if len(labels) > 2 else 0.75,
                "qualified",
            )
    for match in _MACHINE.finditer(text):
        value = match.group(1)
        # "server 2019" has a space and never gets here; "web3" or "app2" are words, "srv-web3" is a machine.
        confidence = 0.82 if "-" in value else (0.68 if value.upper() == value else 0.62)
        yield Found("hostname", match.start(1), match.end(1), value.lower(), confidence, "machine")
    for match in _HOST_LABEL.finditer(text):
        value = match.group(1)
        if any(character.isdigit() for character in value) or "-" in value:
            yield Found("hostname", match.start(1), match.end(1), value.lower(), 0.88, "labelled")


def product_finder(products: tuple[str, ...]) -> Finder:
    """Return a finder of product names: the client's own, well-known ones, and labelled ones."""
    own = None
    if products:
        names = "|".join(re.escape(name) for name in sorted(products, key=len, reverse=True))
        own = re.compile(r"(?<!\w)(" + names + r")(?!\w)", _I)

    def find(text: str) -> Iterator[Found]:
        if own is not None:
            yield from _by_rules("product_name", (("catalogue", 0.97, own),), text)
        rules = (
            ("labelled", 0.88, _PRODUCT_LABEL),
            ("known", 0.82, _PRODUCT_KNOWN),
            ("phrase", 0.62, _PRODUCT_PHRASE),
        )
        for found in _by_rules("product_name", rules, text):
            trimmed = text[found.start : found.end].rstrip(" .,'-")
            end = found.start + len(trimmed)
            yield Found("product_name", found.start, end, trimmed, found.confidence, found.kind)

    return find
