"""A model that goes by words: what it does when a prompt is one of them, and an answer to all others."""

from tests.llm.server import Answer, Request, Status

FETCH = Answer(tools=(("webfetch", {"url": "http://127.0.0.1:9/", "format": "text"}),))
QUESTION = Answer(
    tools=(
        (
            "question",
            {
                "questions": [
                    {"question": "Which?", "header": "Which", "options": [{"label": "A", "description": "a"}]}
                ]
            },
        ),
    )
)
TODOS = Answer(
    reasoning="Let me see.",
    tools=(("todowrite", {"todos": [{"content": "go", "status": "pending", "priority": "low"}]}),),
)
TASK = Answer(
    tools=(("task", {"description": "Count", "prompt": "Count them.", "subagent_type": "general"}),)
)
DONE = Answer(text=("All ", "done."))
STEPS = {"fetch": FETCH, "question": QUESTION, "todo": TODOS, "task": TASK, "fail": Status(400, "broken")}


def reply(request: Request) -> Answer | Status:
    """Do what the newest prompt's word says, and then be done."""
    newest = request.body["messages"][-1]
    if newest["role"] == "tool":
        return DONE
    return STEPS.get(newest["content"].split()[-1], DONE)  # prompts without an answer are sent together
