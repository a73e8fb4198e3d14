"""Message bodies to safe HTML: size cap, Markdown, sanitizer (FACTS 18)."""

from __future__ import annotations

import nh3
from django.utils.html import escape, linebreaks, urlize
from markdown_it import MarkdownIt

MARKDOWN_LIMIT = 20_000
_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True})
_markdown.enable(["table", "strikethrough"])
_TAGS = {
    "a", "b", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "hr", "i", "li", "ol",
    "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
}  # fmt: skip


def render_body(text: str, body_format: str) -> str:
    """Safe HTML for a message body. Bodies over the cap and plain text are only escaped."""
    if len(text) > MARKDOWN_LIMIT or body_format == "plain":
        return _plain(text)
    html = _markdown.render(text) if body_format == "markdown" else text
    return sanitize(html)


def sanitize(html: str) -> str:
    """HTML reduced to text mark-up: no styles, scripts, images, forms; links open without a referrer."""
    if html.count("<") > MARKDOWN_LIMIT // 4:
        return _plain(html)
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


def _plain(text: str) -> str:
    if len(text) > MARKDOWN_LIMIT:
        return linebreaks(escape(text))
    return linebreaks(urlize(text, nofollow=True, autoescape=True))
