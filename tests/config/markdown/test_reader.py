"""What a folder's Markdown files stand for, and what is left out of it with a warning."""

import os
from pathlib import Path

import pytest

from opencode.config.markdown import files, read


def write(root: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = root / name.replace("__", "/").replace("_md", ".md")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def skill(root: Path, folder: str, text: str) -> Path:
    (root / folder).mkdir(parents=True)
    (root / folder / "SKILL.md").write_text(text)
    return root / folder / "SKILL.md"


def test_names_come_from_paths_or_from_the_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        agent__review_md="---\ndescription: Reviews\nreasoningEffort: high\n---\n\nYou review.\n",
        agents__deep__er_md="Deeper.",
        agents__file_md="---\nname: named\nmodel:\n---\nNamed.",
        command__go_md="---\nagent: review\nauthor: me\n---\nGo $ARGUMENTS\n",
        commands__git__log_md="Log",
        modes__old_md="---\nmode: subagent\n---\nOld.",
        modes__not__read_md="No.",
        agent__note_txt="no Markdown",
    )
    setup = read([tmp_path])
    assert setup.agents == {
        "review": {
            "name": "review",
            "description": "Reviews",
            "reasoningEffort": "high",
            "prompt": "You review.",
        },
        "deep/er": {"name": "deep/er", "prompt": "Deeper."},
        "named": {"name": "named", "prompt": "Named."},
    }
    assert setup.commands == {
        "go": {"agent": "review", "template": "Go $ARGUMENTS"},
        "git/log": {"template": "Log"},
    }
    assert setup.modes == {"old": {"name": "old", "mode": "primary", "prompt": "Old."}}
    assert setup.config["agent"]["old"]["mode"] == "primary"
    assert setup.warnings == ()


def test_the_later_folder_counts(tmp_path: Path) -> None:
    one = write(tmp_path / "one", agent__a_md="One", command__c_md="One")
    two = write(tmp_path / "two", agent__a_md="Two")
    setup = read([one, two])
    assert setup.agents["a"]["prompt"] == "Two"
    assert setup.commands["c"]["template"] == "One"


@pytest.mark.parametrize(
    ("matter", "why"),
    [
        ("temperature: hot", "temperature must be a number"),
        ("tools: Read, Grep", "tools must be"),
        ("mode: main", 'mode must be one of "all", "primary", "subagent"'),
        ("name: 7", "`name` must be text"),
        ("permission:\n  bash: maybe", "permission.bash must be"),
    ],
)
def test_an_agent_that_is_wrong_is_left_out_with_the_reason(tmp_path: Path, matter: str, why: str) -> None:
    write(tmp_path, agent__bad_md=f"---\n{matter}\n---\nText", agent__good_md="Good.")
    setup = read([tmp_path])
    assert list(setup.agents) == ["good"]
    (warning,) = setup.warnings
    assert warning.startswith(f"{tmp_path / 'agent' / 'bad.md'} is left out: ")
    assert why in warning


def test_front_matter_that_is_no_yaml_is_the_agents_text(tmp_path: Path) -> None:
    write(tmp_path, agent__a_md="---\nglob: *.ts\n---\nText")
    setup = read([tmp_path])
    assert setup.agents["a"]["prompt"].startswith("---\nglob")
    assert "counts as text" in setup.warnings[0]


def test_skills_are_found_at_any_depth_and_in_further_folders(tmp_path: Path) -> None:
    own = skill(tmp_path, "skill/a/b", "---\nname: deep\ndescription: Deep: down\n---\n\nDo it.\n")
    skill(tmp_path, "skills/c", "---\nname: plain\n---\nText")
    skill(tmp_path, "claude/deep", "---\nname: deep\n---\nOther")
    setup = read([tmp_path], [tmp_path / "claude"])
    assert list(setup.skills) == ["deep", "plain"]
    deep = setup.skills["deep"]
    assert (deep.location, deep.description, deep.content) == (own, "Deep: down", "\nDo it.\n")
    assert "has the name 'deep' too" in setup.warnings[0]


@pytest.mark.parametrize(
    "text",
    [
        "No front matter",
        "---\ndescription: x\n---\n",
        "---\nname: [a]\n---\n",
        "---\nname: a\nname: b\n---\n",
        "---\nname: a\ndescription: 7\n---\n",
    ],
)
def test_a_skill_without_a_usable_name_is_left_out(tmp_path: Path, text: str) -> None:
    skill(tmp_path, "skill/a", text)
    setup = read([tmp_path])
    assert setup.skills == {}
    assert "is left out: " in setup.warnings[0]


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    skill(tmp_path, "elsewhere/x", "---\nname: x\n---\nText")
    folder = tmp_path / ".opencode"
    (folder / "skill").mkdir(parents=True)
    (folder / "skill" / "x").symlink_to(tmp_path / "elsewhere" / "x")
    (folder / "skill" / "again").symlink_to(folder / "skill")
    (folder / "skill" / "twice").symlink_to(tmp_path / "elsewhere")
    setup = read([folder])
    assert list(setup.skills) == ["x"]
    assert setup.warnings == ()


@pytest.mark.parametrize(
    ("name", "limit", "warning"),
    [
        ("MAX_FILES", 2, "agent holds more than 2 files; the rest is left out."),
        ("MAX_ENTRIES", 2, "agent holds more than 2 entries; the rest is left out."),
        ("MAX_BYTES", 3, "c.md is left out: it has more than 0 MB."),
        ("MAX_TOTAL", 3, "c.md is left out: all files together have more than 0 MB."),
    ],
)
def test_limits_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: int, warning: str
) -> None:
    write(tmp_path, agent__a_md="A", agent__b_md="B", agent__c_md="four")
    assert read([tmp_path]).warnings == ()
    monkeypatch.setattr(files, name, limit)
    setup = read([tmp_path])
    assert len(setup.agents) == 2
    (said,) = setup.warnings
    assert said.endswith(warning)


def test_folders_too_deep_are_not_looked_into(tmp_path: Path) -> None:
    write(tmp_path, **{f"agent__{'a__' * 12}deep_md": "Text", f"agent__{'b__' * 13}deeper_md": "Text"})
    assert list(read([tmp_path]).agents) == [f"{'a/' * 12}deep"]


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    os.mkfifo(tmp_path / "agent" / "pipe.md")
    (tmp_path / "agent" / "folder.md").mkdir()
    (tmp_path / "agent" / "gone.md").symlink_to(tmp_path / "nowhere")
    assert read([tmp_path]).agents == {}


def test_folders_that_are_not_there_hold_nothing(tmp_path: Path) -> None:
    assert read([tmp_path / "nowhere"], [tmp_path / "none"]).warnings == ()
