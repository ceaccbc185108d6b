"""Converts reports to plain text: HTML of the report editor is converted, plain text stays.

A text is HTML if it holds a document's head (``<!doctype html``, ``<html``,
``<body``), an element that stands without an end tag (``<br>``, ``<hr>``, ``<p>``, ``<li>``, cells
and rows of tables: HTML standard, "optional tags" and "void elements"), or a start tag of another
element that editors write together with its end tag. "SpO2 < 90 and > 80" and "<MCP-1>" are none
of these, and not even "&lt;" alone makes a text HTML.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_STANDALONE = ("br", "hr", "p", "li", "dt", "dd", "tr", "td", "th")
_PAIRED = (
    "a", "abbr", "address", "article", "aside", "b", "big", "blockquote", "caption", "center",
    "code", "del", "div", "dl", "em", "figcaption", "figure", "font", "footer", "form", "h1", "h2",
    "h3", "h4", "h5", "h6", "head", "header", "i", "ins", "label", "main", "mark", "nav", "ol",
    "pre", "q", "s", "script", "section", "small", "span", "strike", "strong", "style", "sub",
    "sup", "table", "tbody", "template", "tfoot", "thead", "title", "tt", "u", "ul",
)  # fmt: skip
_OTHERS = ("body", "col", "colgroup", "html", "img", "input", "link", "meta", "noscript", "wbr")

_ATTRIBUTES = r"""(?:\s(?:"[^"]*"|'[^']*'|[^<>"'])*)?"""
_ANY = "|".join((*_STANDALONE, *_PAIRED, *_OTHERS))
_DOCUMENT = re.compile(r"<!doctype\s+html|<(?:html|body)[\s>]", re.IGNORECASE)
_STANDS_ALONE = re.compile(rf"<(?:{'|'.join(_STANDALONE)}){_ATTRIBUTES}/?>", re.IGNORECASE)
_START_OR_END = re.compile(
    rf"<(?:({'|'.join(_PAIRED)}){_ATTRIBUTES}|/({'|'.join(_PAIRED)})\s*)>", re.IGNORECASE
)
# A "<" that begins no tag, comment or declaration: the parser would swallow "PaO2<FiO2 and ...".
_LITERAL = re.compile(
    rf"<(?!(?:/?(?:{_ANY}|[a-z][a-z0-9]*[:-][a-z0-9:-]*){_ATTRIBUTES}/?>)|!--|!doctype|!\[|\?)",
    re.IGNORECASE,
)

_DROPPED = frozenset(("head", "script", "style", "template", "title"))
_PARAGRAPHS = frozenset(
    ("address", "article", "aside", "blockquote", "center", "dl", "figure", "footer", "form", "h1",
     "h2", "h3", "h4", "h5", "h6", "header", "hr", "main", "nav", "ol", "p", "pre", "section",
     "table", "ul")
)  # fmt: skip
_LINES = frozenset(("caption", "dd", "div", "dt", "figcaption", "li", "tr"))
_CELLS = frozenset(("td", "th"))
_DEEPEST_INDENT = 8
_LISTS = frozenset(("ol", "ul"))
_ROWS = frozenset(("table", "tbody", "tfoot", "thead", "tr"))

_SPACES = re.compile(r"[ \t\n\r\f]+")
_LINE_SPACES = re.compile(r" *\n *")
_REPEATED_SPACES = re.compile(r" {2,}")
_CELL_SPACES = re.compile(r" *\t *")
_BLANK_LINES = re.compile(r"\n{3,}")
# Survives where white space is folded, and is a space in the end; "&nbsp;" asks for the same.
_KEPT_SPACE = "\N{NO-BREAK SPACE}"


def to_text(content: str | None) -> str:
    """Return a report as plain text; '' if it has no text.

    Plain text comes back unchanged, character by character, unless it is only white space.
    """
    if content is None or not content.strip():
        return ""
    if not is_html(content):
        return content
    return _Reader.read(content)


def is_html(content: str) -> bool:
    """Decide by the rule at the top of this module."""
    return bool(_DOCUMENT.search(content) or _STANDS_ALONE.search(content)) or _has_pair(content)


def _has_pair(content: str) -> bool:
    begun: set[str] = set()
    for found in _START_OR_END.finditer(content):
        start, end = found.groups()
        if end and end.lower() in begun:
            return True
        if start:
            begun.add(start.lower())
    return False


class _Reader(HTMLParser):
    """Collects text, with the line breaks that a browser would show."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._dropping = 0
        self._preformatted = 0
        self._lists: list[int | None] = []
        self._row_has_cells = False
        self._is_in_cell = False
        self._is_after_bullet = False

    @classmethod
    def read(cls, content: str) -> str:
        reader = cls()
        reader.feed(_LITERAL.sub("&lt;", content))
        reader.close()
        return reader._text()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _DROPPED:
            self._dropping += 1
        elif tag == "body":
            # A head that was never closed ends here (HTML standard, "in head" insertion mode).
            self._dropping = 0
        elif tag == "br":
            self._parts.append(" " if self._is_in_cell else "\n")
        elif tag in _CELLS:
            self._begin_cell()
        else:
            self._is_in_cell = self._is_in_cell and tag not in _ROWS
            self._break(tag)
            self._open(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._dropping = max(self._dropping - 1, 0)
        elif tag in _CELLS or tag in _ROWS:
            self._is_in_cell = False
            self._break(tag)
        else:
            if tag == "pre":
                self._preformatted = max(self._preformatted - 1, 0)
            if tag in _LISTS and self._lists:
                self._lists.pop()
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if self._dropping:
            return
        if self._preformatted:
            self._parts.append(data.replace(" ", _KEPT_SPACE))
            return
        text = _SPACES.sub(" ", data)
        if text != " ":
            self._is_after_bullet = False
        self._parts.append(text)

    def _open(self, tag: str) -> None:
        if tag == "pre":
            self._preformatted += 1
        elif tag == "ol":
            self._lists.append(0)
        elif tag == "ul":
            self._lists.append(None)
        elif tag == "tr":
            self._row_has_cells = False
        elif tag == "li":
            self._parts.append(self._bullet())
            self._is_after_bullet = True

    def _bullet(self) -> str:
        indent = _KEPT_SPACE * 2 * min(max(len(self._lists) - 1, 0), _DEEPEST_INDENT)
        number = self._lists[-1] if self._lists else None
        if number is None:
            return f"{indent}- "
        self._lists[-1] = number + 1
        return f"{indent}{number + 1}. "

    def _begin_cell(self) -> None:
        if self._row_has_cells:
            self._parts.append("\t")
        self._row_has_cells = True
        self._is_in_cell = True

    def _break(self, tag: str) -> None:
        """Begin a new line, and an empty one before it between paragraphs outside of lists."""
        if tag in _PARAGRAPHS:
            self._new_line(1 if self._lists else 2)
        elif tag in _LINES:
            self._new_line(1)

    def _new_line(self, count: int) -> None:
        if self._is_in_cell:
            self._parts.append(" ")
            return
        while self._parts and self._parts[-1] == " ":
            self._parts.pop()
        if not self._parts or (self._is_after_bullet and count == 1):
            return
        tail = "".join(self._parts[-count:])
        there = len(tail) - len(tail.rstrip("\n"))
        if there < count:
            self._parts.append("\n" * (count - there))

    def _text(self) -> str:
        text = _REPEATED_SPACES.sub(" ", "".join(self._parts))
        text = _LINE_SPACES.sub("\n", _CELL_SPACES.sub("\t", text))
        text = _BLANK_LINES.sub("\n\n", text).replace(_KEPT_SPACE, " ")
        lines = (line.rstrip() for line in text.split("\n"))
        return "\n".join(lines).strip("\n").lstrip(" ")
