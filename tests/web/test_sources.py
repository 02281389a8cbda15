"""The sources that a provider names, under its answer."""

from typing import Any

from opencode.schema.message import MessageWithParts
from opencode.server.web.render import MAX_SOURCES, environment, sources
from tests.agent.conversation import assistant, text


def answer(*citations: Any) -> MessageWithParts:
    part = text("It is so [1].")
    part.metadata = {"citations": list(citations)}
    return assistant(1, part, text("More."))


def test_each_source_is_named_once_with_its_title_or_address() -> None:
    first = {"url": "https://example.org/a", "title": "A page"}
    untitled = {"url": "https://example.org/b", "title": " "}
    assert sources(answer(first, first, untitled)) == [
        ("https://example.org/a", "A page"),
        ("https://example.org/b", "https://example.org/b"),
    ]


def test_what_is_no_source_is_left_out() -> None:
    odd = [None, "https://example.org", {"url": 3}, {"title": "x"}, {"url": "javascript:alert(1)"}]
    assert sources(answer(*odd)) == []
    part = text("x")
    part.metadata = {"citations": "https://example.org"}
    assert sources(assistant(1, part)) == []
    many = [{"url": f"https://example.org/{number}", "title": 1} for number in range(2 * MAX_SOURCES)]
    assert len(sources(answer(*many))) == MAX_SOURCES


def test_sources_are_links_whose_titles_are_text() -> None:
    hostile = {"url": 'https://example.org/"><script>', "title": "<b>A & B</b>"}
    shown = str(environment().get_template("parts.html").module.sources(answer(hostile)))  # type: ignore[attr-defined]
    assert "1 source<" in shown
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in shown
    assert "<script>" not in shown
    assert 'rel="noopener noreferrer nofollow"' in shown
    assert str(environment().get_template("parts.html").module.sources(answer())).strip() == ""  # type: ignore[attr-defined]
