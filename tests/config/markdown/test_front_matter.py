"""Front matter as people write it, read as opencode reads it."""

from typing import Any

import pytest

from opencode.config.markdown.front_matter import FrontMatterError, parse
from opencode.config.markdown.yaml_values import YamlError, load


@pytest.mark.parametrize(
    ("matter", "data"),
    [
        ("description: Use when: it rains", {"description": "Use when: it rains"}),
        ('description: "a: b"\nmodel: a/b:free', {"description": "a: b", "model": "a/b:free"}),
        ("tools:\n  bash: false\n  edit: true", {"tools": {"bash": False, "edit": True}}),
        ("tools:\n  - read\n  - write", {"tools": ["read", "write"]}),
        ("permission:\n  bash:\n    'git *': allow", {"permission": {"bash": {"git *": "allow"}}}),
        ("temperature: 0.10\nsteps: 5", {"temperature": 0.1, "steps": 5}),
        ("hidden: true\ncolor: '#ff0000'", {"hidden": True, "color": "#ff0000"}),
        (
            "thinking:\n  type: enabled\n  budgetTokens: 1_000",
            {"thinking": {"type": "enabled", "budgetTokens": 1000}},
        ),
        ("disable: yes\non: off", {"disable": "yes", "on": "off"}),
        ("since: 2026-01-02\nat: 10:30", {"since": "2026-01-02", "at": "10:30"}),
        ("big: 1e3\nnone: ~\nhex: 0x10", {"big": 1000.0, "none": None, "hex": 16}),
        ("# a comment\nname: x # another", {"name": "x"}),
        ("description: >\n  two\n  lines", {"description": "two lines\n"}),
        ("1: a\ntrue: b", {"1": "a", "true": "b"}),
    ],
)
def test_settings_are_read(matter: str, data: dict[str, Any]) -> None:
    for newline in ("\n", "\r\n"):
        text = f"---\n{matter}\n---\nThe text.\n".replace("\n", newline)
        document = parse(text)
        assert document.data == data
        assert document.content.strip() == "The text."
        assert not document.as_text


def test_a_file_without_front_matter_is_all_content() -> None:
    for text in ("Just text.", "", "----\nname: x\n----\n", "text\n---\nname: x\n---\n"):
        assert parse(text).content == text
        assert parse(text).data == {}
    assert parse("---\n# only a comment\n---\nText").data == {}


def test_a_byte_order_mark_is_no_content() -> None:
    assert parse("\ufeff---\nname: x\n---\nText").data == {"name": "x"}


def test_tabs_are_blanks_and_no_indentation() -> None:
    assert parse("---\nname:\t\tA\n\tmode: all\n---\nText").data == {"name": "A", "mode": "all"}


@pytest.mark.parametrize("matter", ["name: x\nname: y", "a: [1", "glob: *.ts", "\tname: x"])
def test_what_is_no_yaml_counts_as_text_as_in_opencode(matter: str) -> None:
    text = f"---\n{matter}\n---\nText"
    document = parse(text)
    assert document.data == {}
    assert document.content == text
    assert document.as_text


def test_front_matter_that_stays_broken_is_refused() -> None:
    with pytest.raises(FrontMatterError, match="no YAML"):
        parse("---\ndescription: a: b\ntools: [1\n---\n")
    with pytest.raises(FrontMatterError, match="no list of settings"):
        parse("---\n- a\n---\n")
    with pytest.raises(FrontMatterError, match="'js'"):
        parse("---js\n{}\n---\n")
    assert parse('---json\n{"name": "x"}\n---\n').data == {"name": "x"}


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "\n".join(
            f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]" for a, b in zip("abcdef", "bcdefg", strict=True)
        ),
        "a: &a [*a]",
        "[" * 5000,
        "a: !!python/object:os.system x",
        "a: \x01",
    ],
)
def test_yaml_is_bounded_and_makes_plain_values_only(text: str) -> None:
    with pytest.raises(YamlError):
        load(text)


def test_a_large_front_matter_is_refused() -> None:
    with pytest.raises(FrontMatterError, match="64 KB"):
        parse(f"---\nname: {'x' * 70_000}\n---\n")


def test_merge_keys_are_keys_like_others() -> None:
    doubled = "".join(f"a{i + 1}: &a{i + 1} {{<<: [*a{i}, *a{i}]}}\n" for i in range(500))
    assert load("a: &a {k: 1}\nb: {<<: *a}")["b"] == {"<<": {"k": 1}}
    with pytest.raises(YamlError, match="more than"):
        load(f"a0: &a0 {{k: 1}}\n{doubled}")
