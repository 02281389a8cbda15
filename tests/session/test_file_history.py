"""Changes of files are kept, shown as diffs, and taken back and made again with a conversation."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from opencode import ids
from opencode.clock import now_ms
from opencode.errors import FileChangedError, NotFound, ProtectedPathError
from opencode.schema.event import EventProperties, FileEdited, FileWatcherUpdated, SessionDiff, ToastShown
from opencode.schema.message import AssistantMessage, FileDiff, MessagePath, MessageTime
from opencode.schema.part import TextPart, Tokens
from opencode.schema.prompt import CreateSessionBody, PromptBody, TextPartInput
from opencode.session.services import Services
from opencode.workspace import Changes, Origin
from opencode.workspace.changes import MOST_KEPT

from .conftest import running_services

HELLO = b"def hello():\n    return 1\n"


class Project:
    """A session that changes files of a folder, as its tools would."""

    def __init__(self, services: Services, root: Path) -> None:
        self.services = services
        self.root = root
        self.events: list[EventProperties] = []
        publish = services.bus.publish

        def record(properties: EventProperties) -> Any:
            self.events.append(properties)
            return publish(properties)

        services.bus.publish = record  # type: ignore[method-assign]
        services.files._bus.publish = record  # type: ignore[method-assign]

    @property
    def changes(self) -> Changes:
        assert self.services.files.changes is not None
        return self.services.files.changes

    async def session(self, parent_id: str | None = None) -> str:
        body = CreateSessionBody() if parent_id is None else CreateSessionBody(parent_id=parent_id)
        return (await self.services.sessions.create(body)).id

    async def prompt(self, session_id: str) -> str:
        """Store a prompt; return its id."""
        body = PromptBody(parts=[TextPartInput(text="go")], no_reply=True)
        return (await self.services.prompts.send(session_id, body)).message.info.id

    async def answer(self, session_id: str, prompt_id: str, **files: bytes | None) -> Origin:
        """Store an answer whose part writes or removes files, `a/b.c` as `a__b_c`; return its ids."""
        live = await self.services.sessions.open(session_id)
        message = AssistantMessage(
            id=live.new_message_id(),
            session_id=session_id,
            time=MessageTime(created=now_ms(), completed=now_ms()),
            parent_id=prompt_id,
            model_id="demo",
            provider_id="demo",
            mode="build",
            agent="build",
            path=MessagePath(cwd="/", root="/"),
            cost=0,
            tokens=Tokens(),
            finish="stop",
        )
        part = TextPart(id=ids.ascending("prt"), session_id=session_id, message_id=message.id, text="done")
        unit = self.services.store.unit()
        unit.put_message(message)
        unit.put_part(part)
        await unit.commit()
        origin = Origin(session_id, message.id, part.id)
        for name, content in files.items():
            await self.change(origin, name.replace("__", "/").replace("_", "."), content)
        return origin

    async def change(self, origin: Origin, path: str, content: bytes | None) -> None:
        async with self.changes.editing(path):
            before = self.content(path)
            if content is None:
                assert before is not None
                await self.changes.remove(origin, path, before=before)
            else:
                await self.changes.write(origin, path, content, before=before)

    def content(self, path: str) -> bytes | None:
        return (self.root / path).read_bytes() if (self.root / path).exists() else None

    async def diffs(self, session_id: str, message_id: str | None = None) -> dict[str, tuple[str, int, int]]:
        found = await self.services.files.diffs(session_id, message_id)
        return {str(d.file): (str(d.status), d.additions, d.deletions) for d in found}

    async def summary(self, session_id: str) -> tuple[int, int, int]:
        await self.services.files.close()
        summary = (await self.services.sessions.get(session_id)).summary
        assert summary
        return summary.additions, summary.deletions, summary.files

    def notices(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, ToastShown)]


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    (tmp_path / "project/src").mkdir(parents=True)
    (tmp_path / "project/src/app.py").write_bytes(HELLO)
    async with running(tmp_path) as services:
        yield Project(services, tmp_path / "project")


def running(tmp_path: Path) -> Any:
    return running_services(
        tmp_path / "data",
        HOST="127.0.0.1",
        OPENCODE_WORKSPACE="write",
        OPENCODE_DIRECTORY=str(tmp_path / "project"),
    )


async def test_a_change_is_shown_as_opencode_shows_it(project: Project) -> None:
    session = await project.session()
    prompt = await project.prompt(session)
    await project.answer(session, prompt, new_txt=b"one\ntwo\n", src__app_py=HELLO.replace(b"1", b"2"))
    assert await project.services.files.diffs(session) == [
        FileDiff(
            file="new.txt",
            patch=f"Index: new.txt\n{'=' * 67}\n--- new.txt\t\n+++ new.txt\t\n@@ -0,0 +1,2 @@\n+one\n+two\n",
            additions=2,
            deletions=0,
            status="added",
        ),
        FileDiff(
            file="src/app.py",
            patch=f"Index: src/app.py\n{'=' * 67}\n--- src/app.py\t\n+++ src/app.py\t\n"
            "@@ -1,2 +1,2 @@\n def hello():\n-    return 1\n+    return 2\n",
            additions=1,
            deletions=1,
            status="modified",
        ),
    ]
    assert await project.summary(session) == (3, 1, 2)
    shown = [event for event in project.events if isinstance(event, FileEdited | FileWatcherUpdated)]
    new, app = str(project.root / "new.txt"), str(project.root / "src/app.py")
    assert shown == [
        FileEdited(file=new),
        FileWatcherUpdated(file=new, event="add"),
        FileEdited(file=app),
        FileWatcherUpdated(file=app, event="change"),
    ]
    assert [len(event.diff) for event in project.events if isinstance(event, SessionDiff)][-1] == 2


async def test_several_changes_of_a_file_are_one_diff_and_those_that_cancel_out_none(
    project: Project,
) -> None:
    session = await project.session()
    first, second = await project.prompt(session), ""
    await project.answer(session, first, src__app_py=b"x\n", gone_txt=b"g")
    second = await project.prompt(session)
    await project.answer(session, second, src__app_py=b"y\n", gone_txt=None)
    assert await project.diffs(session) == {"src/app.py": ("modified", 1, 2)}
    assert await project.diffs(session, first) == {
        "gone.txt": ("added", 1, 0),
        "src/app.py": ("modified", 1, 2),
    }
    assert await project.diffs(session, second) == {
        "gone.txt": ("deleted", 0, 1),
        "src/app.py": ("modified", 1, 1),
    }
    assert await project.diffs(session, "msg_none") == {}
    with pytest.raises(NotFound):
        await project.diffs("ses_none")


async def test_a_revert_takes_files_back_and_an_unrevert_brings_them_again(project: Project) -> None:
    session = await project.session()
    first = await project.prompt(session)
    await project.answer(session, first, src__app_py=b"2\n", new_txt=b"new")
    second = await project.prompt(session)
    await project.answer(session, second, src__app_py=b"3\n", new_txt=None, a__b__c_txt=b"deep")
    reverted = await project.services.history.revert(session, second)
    assert reverted.revert and "+++ src/app.py" in str(reverted.revert.diff)
    assert (project.content("src/app.py"), project.content("new.txt")) == (b"2\n", b"new")
    assert project.content("a/b/c.txt") is None
    assert await project.diffs(session) == {"new.txt": ("added", 1, 0), "src/app.py": ("modified", 1, 2)}
    await project.services.history.revert(session, first)
    assert (project.content("src/app.py"), project.content("new.txt")) == (HELLO, None)
    assert await project.summary(session) == (0, 0, 0)
    await project.services.history.revert(session, second)
    assert (project.content("src/app.py"), project.content("new.txt")) == (b"2\n", b"new")
    await project.services.history.unrevert(session)
    assert (project.content("src/app.py"), project.content("new.txt")) == (b"3\n", None)
    assert project.content("a/b/c.txt") == b"deep"
    assert set(await project.diffs(session)) == {"src/app.py", "a/b/c.txt"}
    assert project.notices() == []


async def test_a_file_that_somebody_else_has_changed_is_left_alone_and_told(project: Project) -> None:
    session = await project.session()
    prompt = await project.prompt(session)
    await project.answer(session, prompt, src__app_py=b"2\n", other_txt=b"o")
    (project.root / "src/app.py").write_bytes(b"mine\n")
    await project.services.history.revert(session, prompt)
    assert project.content("src/app.py") == b"mine\n"
    assert project.content("other.txt") is None
    assert project.notices() == ["src/app.py: it was changed by somebody else since"]
    await project.services.history.unrevert(session)
    assert project.content("src/app.py") == b"mine\n"
    assert project.content("other.txt") == b"o"


async def test_changes_between_those_of_somebody_else_are_taken_back_as_far_as_possible(
    project: Project,
) -> None:
    session = await project.session()
    prompt = await project.prompt(session)
    await project.answer(session, prompt, src__app_py=b"2\n")
    (project.root / "src/app.py").write_bytes(b"mine\n")
    await project.answer(session, prompt, src__app_py=b"3\n")
    await project.services.history.revert(session, prompt)
    assert project.content("src/app.py") == b"mine\n"
    assert project.notices() == ["src/app.py: it was changed by somebody else in between"]
    await project.services.history.unrevert(session)
    assert project.content("src/app.py") == b"3\n"


async def test_a_prompt_after_a_revert_forgets_what_was_taken_back(project: Project) -> None:
    session = await project.session()
    first = await project.prompt(session)
    await project.answer(session, first, src__app_py=b"2\n")
    second = await project.prompt(session)
    await project.answer(session, second, src__app_py=b"3\n")
    await project.services.history.revert(session, second)
    await project.prompt(session)
    assert [change.state for change in await project.services.store.file_changes(session)] == ["done"]
    assert project.content("src/app.py") == b"2\n"
    await project.services.history.unrevert(session)
    assert project.content("src/app.py") == b"2\n"


async def test_a_task_changes_files_for_the_session_that_delegated_it(project: Project) -> None:
    parent = await project.session()
    first = await project.prompt(parent)
    child = await project.session(parent)
    grandchild = await project.session(child)
    await project.answer(child, await project.prompt(child), src__app_py=b"2\n")
    await project.answer(grandchild, await project.prompt(grandchild), new_txt=b"new\n")
    assert set(await project.diffs(parent)) == {"src/app.py", "new.txt"}
    assert set(await project.diffs(child)) == {"src/app.py", "new.txt"}
    assert set(await project.diffs(grandchild)) == {"new.txt"}
    await project.services.history.revert(parent, first)
    assert (project.content("src/app.py"), project.content("new.txt")) == (HELLO, None)


async def test_a_fork_has_no_changes_and_a_deleted_session_none_any_more(project: Project) -> None:
    session = await project.session()
    prompt = await project.prompt(session)
    await project.answer(session, prompt, src__app_py=b"2\n")
    await project.summary(session)
    fork = await project.services.history.fork(session, None)
    assert not fork.summary
    assert await project.diffs(fork.id) == {}
    (message, *_) = await project.services.sessions.messages(fork.id)
    await project.services.history.revert(fork.id, message.info.id)
    assert project.content("src/app.py") == b"2\n"
    await project.services.deletion.delete(session)
    assert await project.services.store.file_changes(session) == []
    assert project.content("src/app.py") == b"2\n"


async def test_large_and_binary_content(project: Project) -> None:
    session = await project.session()
    prompt = await project.prompt(session)
    await project.answer(session, prompt, large_txt=bytes(MOST_KEPT + 1), binary_dat=b"\0\xff", empty_txt=b"")
    assert await project.diffs(session) == {
        "binary.dat": ("added", 0, 0),
        "empty.txt": ("added", 0, 0),
        "large.txt": ("added", 0, 0),
    }
    await project.services.history.revert(session, prompt)
    assert project.content("binary.dat") is None
    assert project.content("large.txt") is not None
    assert "not kept" in project.notices()[0]
    await project.services.history.unrevert(session)
    assert project.content("binary.dat") == b"\0\xff"


async def test_a_file_that_changed_since_it_was_read_is_not_written(project: Project) -> None:
    session = await project.session()
    origin = await project.answer(session, await project.prompt(session))
    with pytest.raises(FileChangedError):
        await project.changes.write(origin, "src/app.py", b"x", before=b"something else")
    with pytest.raises(FileChangedError):
        await project.changes.write(origin, "src/app.py", b"x", before=None)
    with pytest.raises(ProtectedPathError):
        await project.changes.write(origin, ".git/config", b"x", before=None)
    assert project.content("src/app.py") == HELLO
    assert await project.services.store.file_changes(session) == []


async def test_a_change_that_can_not_be_made_is_not_kept(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await project.session()
    origin = await project.answer(session, await project.prompt(session))

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(project.changes.workspace, "write", refuse)
    with pytest.raises(OSError, match="No space"):
        await project.changes.write(origin, "src/app.py", b"x", before=HELLO)
    assert await project.services.store.file_changes(session) == []


@pytest.mark.parametrize("made", [True, False])
async def test_a_kill_during_a_change_leaves_what_can_be_told(
    tmp_path: Path, project: Project, made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await project.session()
    origin = await project.answer(session, await project.prompt(session))
    write = project.changes.workspace.write

    class Killed(BaseException):
        pass

    def killed(path: str, data: bytes) -> None:
        (change,) = database()
        assert '"state":"begun"' in change
        if made:
            write(path, data)
        monkeypatch.setattr(project.services.store, "unit", lambda: None)  # nothing is stored any more
        raise Killed

    def database() -> list[str]:
        with sqlite3.connect(tmp_path / "data/opencode.db") as disk:
            return [row[0] for row in disk.execute("SELECT data FROM file_change")]

    monkeypatch.setattr(project.changes.workspace, "write", killed)
    with pytest.raises((Killed, AttributeError)):
        await project.changes.write(origin, "src/app.py", b"x", before=HELLO)
    monkeypatch.undo()
    await project.changes.recover()
    assert [change.state for change in await project.services.store.file_changes(session)] == (
        ["done"] if made else []
    )


async def test_a_taking_back_that_was_interrupted_can_be_repeated(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await project.session()
    prompt = await project.prompt(session)
    await project.answer(session, prompt, src__app_py=b"2\n", new_txt=b"new")
    put = project.changes._put
    done: list[str] = []

    async def interrupted(path: str, content: bytes | None) -> None:
        if done:
            raise RuntimeError("killed")
        done.append(path)
        await put(path, content)

    monkeypatch.setattr(project.changes, "_put", interrupted)
    with pytest.raises(RuntimeError):
        await project.services.history.revert(session, prompt)
    monkeypatch.undo()
    assert not (await project.services.sessions.get(session)).revert
    await project.changes.recover()
    await project.services.history.revert(session, prompt)
    assert (project.content("src/app.py"), project.content("new.txt")) == (HELLO, None)
    await project.services.history.unrevert(session)
    assert (project.content("src/app.py"), project.content("new.txt")) == (b"2\n", b"new")


async def test_removing_a_message_forgets_its_changes(project: Project) -> None:
    session = await project.session()
    prompt = await project.prompt(session)
    origin = await project.answer(session, prompt, src__app_py=b"2\n")
    await project.services.history.remove_message(session, origin.message_id)
    assert await project.diffs(session) == {}
    assert project.content("src/app.py") == b"2\n"
