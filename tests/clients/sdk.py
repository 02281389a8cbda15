"""opencode's Python SDK through all that this server has for it: `python sdk.py SERVER_URL`."""

import sys

import httpx
import opencode_ai
from opencode_ai import AsyncOpencode, Opencode

PASSWORD = httpx.BasicAuth("opencode", "secret")


def main(url: str) -> None:
    try:
        Opencode(base_url=url).session.list()
    except opencode_ai.AuthenticationError as refused:
        assert refused.status_code == 401
    else:
        raise AssertionError("it got in without the password")

    client = Opencode(base_url=url, http_client=httpx.Client(base_url=url, auth=PASSWORD, trust_env=False))
    assert client.config.get().model == "local/one"
    providers = client.app.providers()
    assert "two" in next(each for each in providers.providers if each.id == "local").models

    with client.event.list() as events:
        assert next(iter(events)).type == "server.connected"
        session = client.session.create()
        created = next(event for event in events if event.type == "session.created")
        assert created.properties.info["id"] == session.id
        parts = [{"type": "text", "text": "todo"}]
        answer = client.session.chat(
            session.id, provider_id="local", model_id="two", mode="pirate", parts=parts
        )
        assert answer.info["modelID"] == "two"
        assert answer.info["agent"] == "pirate"
        told = set()
        for event in events:
            told.add(event.type)
            if event.type == "session.idle":
                break
        assert {"message.updated", "message.part.updated"} <= told

    messages = client.session.messages(session.id)
    assert [message.info.role for message in messages] == ["user", "assistant", "assistant"]
    tool = next(part for part in messages[1].parts if part.type == "tool")
    assert (tool.tool, tool.state.status) == ("todowrite", "completed")
    assert next(part for part in messages[2].parts if part.type == "text").text == "All done."
    assert session.id in [each.id for each in client.session.list()]

    reverted = client.session.revert(session.id, message_id=messages[0].info.id)
    assert reverted.revert.message_id == messages[0].info.id
    assert client.session.unrevert(session.id).revert is None
    shared = client.session.share(session.id)
    assert httpx.get(shared.share.url, trust_env=False).status_code == 200
    assert client.session.unshare(session.id).share is None
    assert client.session.summarize(session.id, provider_id="local", model_id="one") is True
    assert client.session.abort(session.id) is True
    assert client.session.delete(session.id) is True

    for absent in (client.app.modes, client.app.get, lambda: client.session.messages(session.id)):
        try:
            absent()
        except opencode_ai.NotFoundError as error:
            assert error.body["name"] == "NotFoundError"
        else:
            raise AssertionError(absent)
    assert AsyncOpencode
    print("done")


if __name__ == "__main__":
    main(sys.argv[1])
