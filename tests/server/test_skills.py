"""Skills at the API: listed, offered as commands, and sent as a prompt."""

from pathlib import Path

import httpx
import msgspec

from opencode.config import Settings, SkillFile
from opencode.server.app import create_app
from tests.harness import serving, text_of


async def test_skills_are_listed_and_are_commands(tmp_path: Path) -> None:
    location = tmp_path / "forms" / "SKILL.md"
    skill = SkillFile("forms", location, "todo: $1, b", "Use for forms")
    hidden = SkillFile("quiet", tmp_path / "SKILL.md", "Quiet")
    settings = Settings.load(
        {
            "OPENCODE_DATA_DIR": str(tmp_path / "data"),
            "HOME": str(tmp_path),
            "OPENCODE_CONFIG_CONTENT": '{"command": {"quiet": {"template": "mine @x.md @explore"}}}',
        }
    )
    app = create_app(msgspec.structs.replace(settings, skills=(hidden, skill)))
    async with serving(app) as (url, _), httpx.AsyncClient(base_url=url, trust_env=False) as client:
        assert (await client.get("/skill")).json() == [
            {
                "name": "forms",
                "location": str(location),
                "content": "todo: $1, b",
                "description": "Use for forms",
            },
            {"name": "quiet", "location": str(tmp_path / "SKILL.md"), "content": "Quiet"},
        ]
        commands = {command["name"]: command for command in (await client.get("/command")).json()}
        assert (commands["forms"]["source"], commands["quiet"]["source"]) == ("skill", "command")
        assert commands["forms"]["hints"] == []
        assert f"Base directory for this skill: {location.parent}\n" in commands["forms"]["template"]
        session = (await client.post("/session", json={})).json()["id"]
        for command in ("forms", "quiet"):
            body = {"command": command, "arguments": "a"}
            answer = await client.post(f"/session/{session}/command", json=body, timeout=20)
            assert answer.status_code == 200, answer.text
        messages = (await client.get(f"/session/{session}/message")).json()
        prompts = [message for message in messages if message["info"]["role"] == "user"]
        assert text_of(prompts[0]).startswith("todo: a, b\n\nBase directory for this skill: ")
        assert text_of(prompts[1]).startswith("mine @x.md @explore")
        assert "[Left out: x.md. This server reads no files of the project.]" in text_of(prompts[1])
        assert [part["name"] for part in prompts[1]["parts"] if part["type"] == "agent"] == ["explore"]
        unknown = await client.post(f"/session/{session}/command", json={"command": "form", "arguments": ""})
        assert unknown.status_code == 400
        assert "forms" in unknown.text
