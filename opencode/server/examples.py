"""Examples in the API document: requests to start from, and this server's responses."""

from opencode.schema.base import JsonObject
from opencode.schema.explain import MESSAGE_ID, PART_ID, SESSION_ID

PROMPT_ID = "msg_20bec721f001f1OoCjxsWbNg2c"

_DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAA"
    "DUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

TOKENS: JsonObject = {"input": 355, "output": 203, "reasoning": 10, "cache": {"read": 0, "write": 0}}

SESSION: JsonObject = {
    "id": SESSION_ID,
    "slug": "bold-coral",
    "projectID": "global",
    "directory": "/app",
    "path": "",
    "title": "Trip to Lisbon",
    "version": "0.1.0",
    "time": {"created": 1795496374712, "updated": 1795496379021},
    "cost": 0.0042,
    "tokens": TOKENS,
    "agent": "build",
    "model": {"id": "claude-sonnet-4-5", "providerID": "anthropic"},
}

SHARED_SESSION: JsonObject = {
    **SESSION,
    "share": {"url": f"https://example.com/share/{SESSION_ID}/2cY1v9uQ0aXr3kTq8LmWzP4E"},
}

TEXT_PART: JsonObject = {
    "type": "text",
    "id": PART_ID,
    "sessionID": SESSION_ID,
    "messageID": MESSAGE_ID,
    "text": "Hello! I can look things up, read pages and keep a todo list.",
    "time": {"start": 1795496374997, "end": 1795496378169},
}

ANSWER: JsonObject = {
    "info": {
        "role": "assistant",
        "id": MESSAGE_ID,
        "sessionID": SESSION_ID,
        "parentID": PROMPT_ID,
        "time": {"created": 1795496374821, "completed": 1795496378169},
        "providerID": "anthropic",
        "modelID": "claude-sonnet-4-5",
        "mode": "build",
        "agent": "build",
        "path": {"cwd": "/app", "root": "/app"},
        "cost": 0.0042,
        "tokens": TOKENS,
        "finish": "stop",
    },
    "parts": [TEXT_PART],
}

TODOS = [
    {"content": "Find a hotel in Alfama", "status": "in_progress", "priority": "high"},
    {"content": "Book the train to Sintra", "status": "pending", "priority": "medium"},
]

EXPORT: JsonObject = {
    "info": SESSION,
    "messages": [
        {
            "info": {
                "role": "user",
                "id": PROMPT_ID,
                "sessionID": SESSION_ID,
                "time": {"created": 1795496374799},
                "agent": "build",
                "model": {"providerID": "anthropic", "modelID": "claude-sonnet-4-5"},
            },
            "parts": [
                {**TEXT_PART, "id": "prt_20bec721f002hWb7VXkq1Yc0Lm", "messageID": PROMPT_ID, "text": "Hi!"}
            ],
        },
        ANSWER,
    ],
    "todos": TODOS,
}

_TOOL = {"messageID": MESSAGE_ID, "callID": "call_6936716243944"}

PERMISSION: JsonObject = {
    "id": "per_20a1b261f001J1urQJeckNMoRY",
    "sessionID": SESSION_ID,
    "permission": "webfetch",
    "patterns": ["https://example.com/"],
    "metadata": {"url": "https://example.com/", "format": "markdown"},
    "always": ["*"],
    "tool": _TOOL,
}

QUESTION: JsonObject = {
    "id": "que_20a1b2e9b001aEXt3fwe1p1PFl",
    "sessionID": SESSION_ID,
    "questions": [
        {
            "question": "Which colour?",
            "header": "Colour",
            "options": [
                {"label": "Red", "description": "warm"},
                {"label": "Blue", "description": "cool"},
            ],
        }
    ],
    "tool": _TOOL,
}

PROMPTS: dict[str, JsonObject] = {
    "Plain text": {"content": "Hello, what can you help me with?"},
    "Plain text for a model of your choice": {
        "content": "What changed in Python 3.13?",
        "model": "anthropic/claude-sonnet-4-5",
    },
    "opencode's form": {
        "parts": [{"type": "text", "text": "Hello, what can you help me with?"}],
        "model": {"providerID": "anthropic", "modelID": "claude-sonnet-4-5"},
        "agent": "build",
    },
    "With an image": {
        "parts": [
            {"type": "text", "text": "What is in this picture?"},
            {
                "type": "file",
                "mime": "image/png",
                "filename": "dot.png",
                "url": _DOT,
            },
        ]
    },
    "Answer as data": {
        "parts": [{"type": "text", "text": "Lisbon: country and population?"}],
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"country": {"type": "string"}, "population": {"type": "integer"}},
                "required": ["country", "population"],
            },
        },
    },
}

_DELTA = (
    f'{{"sessionID":"{SESSION_ID}","messageID":"{MESSAGE_ID}","partID":"{PART_ID}",'
    '"field":"text","delta":"Hello! I can "}'
)

STREAM = (
    "id: evt_20becd24c001d8g8rn7nhV3YIO\n"
    'data: {"id":"evt_20becd24c001d8g8rn7nhV3YIO","type":"message.part.delta","properties":'
    f"{_DELTA}}}\n\n"
    "id: evt_20becdf52006IkeVP0ugB96gW2\n"
    'data: {"id":"evt_20becdf52006IkeVP0ugB96gW2","type":"session.idle","properties":'
    f'{{"sessionID":"{SESSION_ID}"}}}}\n\n'
)

FAILURES: dict[int, JsonObject] = {
    400: {"name": "BadRequest", "data": {"message": "content is empty: send the text of the prompt."}},
    404: {"name": "NotFoundError", "data": {"message": f"Session not found: {SESSION_ID}"}},
    409: {"name": "ConflictError", "data": {"message": f"A message {PROMPT_ID} already exists."}},
    413: {
        "name": "BodyTooLargeError",
        "data": {"message": "The request body exceeds the limit of 32 MB: send less at once."},
    },
    503: {"name": "UnavailableError", "data": {"message": "The database can't be read; try again later."}},
}

MCP_STATUSES: JsonObject = {
    "files": {"status": "connected"},
    "search": {"status": "failed", "error": "It did not answer within 30 s."},
}
