"""The list of skills in the system prompt: those that the agent may use, as opencode lists them."""

from html import escape

from opencode.schema.agent import Agent
from opencode.tool.skill import SKILL, Skills

from .permission import decide, is_hidden


def skill_listing(skills: Skills, agent: Agent) -> str:
    """Return the text that lists skills for an agent; "" if there are none or it may use none at all."""
    if not skills.list() or is_hidden(agent.permission, SKILL):
        return ""
    listed = [
        skill
        for skill in skills.all()
        if skill.description is not None and decide(agent.permission, SKILL, skill.name) != "deny"
    ]
    lines = [
        "Skills provide specialized instructions and workflows for specific tasks.",
        "Use the skill tool to load a skill when a task matches its description.",
    ]
    if not listed:
        return "\n".join((*lines, "No skills are currently available."))
    lines.append("<available_skills>")
    for skill in listed:
        lines += (
            "  <skill>",
            f"    <name>{skill.name}</name>",
            f"    <description>{skill.description}</description>",
            f"    <location>{escape(str(skill.location)).replace('&#x27;', '&#39;')}</location>",
            "  </skill>",
        )
    return "\n".join((*lines, "</available_skills>"))
