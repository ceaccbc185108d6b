"""HTML becomes text; what only looks a little like HTML stays as it is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_export.prepare.report_text import is_html, to_text


@pytest.mark.parametrize(
    "text",
    [
        "SpO2 < 90 and > 80",
        "PaO2<FiO2, pH>7.3",
        "nódulo <5 mm, masa >3 cm",
        "a &lt; b &amp; c",
        "<MCP-1> elevada",
        "<hallazgos>sin cambios</hallazgos>",
        "{\\rtf1\\ansi TORAX\\par}",
        "  sangría\r\n\tfinal \n\n\n",
        "p <b 3 y c> 4",
        "Contacto: <ana@example.org>",
    ],
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert to_text(text) == text


@given(st.text(st.characters(blacklist_characters="<", blacklist_categories=("Cs",))))
def test_text_without_an_angle_bracket_is_never_touched(text: str) -> None:
    assert to_text(text) == (text if text.strip() else "")


@pytest.mark.parametrize(
    "text", [None, "", "  \n", "<p> </p>", "<br>", "<style>p{}</style><p></p>"]
)
def test_nothing_to_say(text: str | None) -> None:
    assert to_text(text) == ""


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>uno</p><p>dos</p>", "uno\n\ndos"),
        ("<P CLASS='x'>uno<P>dos", "uno\n\ndos"),
        ("<div>uno</div><div>dos</div>", "uno\ndos"),
        ("uno<br>dos<br/>tres<BR />", "uno\ndos\ntres"),
        ("<p>uno</p><p><br></p><p>dos</p>", "uno\n\ndos"),
        ("<p>  un   solo\n renglón </p>", "un solo renglón"),
        ("<p>a&nbsp;&nbsp;b &lt; c &aacute; &#233;</p>", "a  b < c á é"),
        ("<p>SpO2 < 90 y PaO2<FiO2 siempre</p><p>fin</p>", "SpO2 < 90 y PaO2<FiO2 siempre\n\nfin"),
        ("<ul><li>uno</li><li>dos</li></ul>", "- uno\n- dos"),
        ("<p>a</p><ol><li>uno<li><p>dos</p></ol><p>b</p>", "a\n\n1. uno\n2. dos\n\nb"),
        ("<ul><li>uno<ul><li>dos</li></ul></li><li>tres</li></ul>", "- uno\n  - dos\n- tres"),
        (
            "<table><tr><th>a</th><th>b</th></tr>\n<tr><td><p>c</p></td><td>d<br>e</td></tr></table>",
            "a\tb\nc\td e",
        ),
        ("<head><title>T</title></head><body>texto<script>x()</script></body>", "texto"),
        ("<head><style>p{color:red}</style><body><p>texto</p>", "texto"),
        ("<pre>a  b\n  c</pre>", "a  b\n  c"),
        ("<p>uno <b>dos</b><i>tres</i></p>", "uno dostres"),
        ("<h1>INFORME</h1>texto<hr>fin", "INFORME\n\ntexto\n\nfin"),
        ("<p>a<o:p></o:p></p><!-- nada --><p>b</p>", "a\n\nb"),
        ('<p title="a > b">uno</p>', "uno"),
        ("<span>solo</span>", "solo"),
        ("<!DOCTYPE html><html>x</html>", "x"),
    ],
)
def test_html_becomes_text(html: str, text: str) -> None:
    assert to_text(html) == text


@pytest.mark.slow
def test_a_megabyte_of_angle_brackets_takes_no_time() -> None:
    started = time.thread_time()
    for piece in ("<b ", "<", "<p a=", "<b>", "<a '", "<b>x", "<ul><li>", "</b>", "<p>", "&"):
        assert isinstance(to_text(piece * (300_000 // len(piece))), str)
    assert time.thread_time() - started < 30


@given(st.text("<>/pbrtd li=\"'&;! -", max_size=60))
def test_no_text_breaks_it_and_text_is_never_html_again_by_breaking(text: str) -> None:
    assert isinstance(to_text(text), str)
    assert is_html(f"<p>{text}</p>")
