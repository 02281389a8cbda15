"""Search in titles and texts, kept true to what is stored; and lists that read no more than they show."""

import sqlite3
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event

from bench.fill import fill
from opencode.schema.part import TextPart, TimeSpan
from opencode.store import SessionQuery, Store, queries
from opencode.store.dialects import sqlite_search
from tests.store.test_store import make_answer, make_prompt, make_session, make_text


@pytest.fixture
def url() -> None:
    """SQLite's alone: test_postgres has the other's."""


def say(store: Store, text: str, title: str = "A title", parent_id: str | None = None) -> TextPart:
    """Put a session with a prompt of one part."""
    session = make_session(title, parent_id=parent_id)
    prompt = make_prompt(session.id)
    part = make_text(prompt, text)
    store.put_session(session)
    store.put_message(prompt)
    store.put_part(part)
    return part


async def find(store: Store, words: str) -> list[str]:
    """Return the ids of all sessions with the words, on as many pages as there are."""
    found: list[str] = []
    more = True
    while more:
        page = await store.search(words, 2, len(found))
        found += [match.session.id for match in page.matches]
        more = page.more
    assert len(found) == len(set(found))
    return found


async def places(store: Store, words: str) -> dict[str, list[str]]:
    """Return the ids of the sessions on a search's two first pages, by where they have the words."""
    places: dict[str, list[str]] = {}
    first = await store.search(words, 80)
    second = (await store.search(words, 80, len(first.matches))).matches if first.more else []
    for match in (*first.matches, *second):
        places.setdefault(match.place, []).append(match.session.id)
    return places


@pytest.mark.parametrize("indexed", [True, False])
async def test_texts_are_found_by_any_run_of_characters(
    store: Store, monkeypatch: pytest.MonkeyPatch, indexed: bool
) -> None:
    if not indexed:
        monkeypatch.setattr(sqlite_search, "is_indexed", lambda connection: False)
    part = say(store, 'raise ValueError("no café in 東京都")')
    say(store, "something else")
    for words in ("ValueError", "eError", "VALUEERROR", "café in", '("no', "東京都"):
        assert await find(store, words) == [part.session_id], words
    for words in (
        "ValueErrors",
        "no café in 京都",
        "100%",
        "_",
        '"',
        "NEAR(a b)",
        "text:raise",
        "nul \0 here",
    ):
        assert await find(store, words) == [], words


async def test_the_runs_looked_up_are_no_more_than_a_sieve(store: Store) -> None:
    """Texts that have all runs of what is looked for, but not in a row."""
    wanted = "fox (quick fox) quick"
    kept = []
    for text in (
        f"Once {wanted.upper()} it was",
        "quick fox (quick fox) fox",
        f"twice: {wanted} and {wanted}",
        "fox (quick) fox (quick fox",
        f"again {wanted}",
        'the "type" of a text: fox_(quick% fox) quick',
    ):
        part = say(store, text)
        if wanted in text.casefold():
            kept.append(part.session_id)
    assert sorted(await find(store, wanted)) == sorted(kept)
    assert len(kept) == 3
    for words in ("fox_(quick%", '"type" of', "text: fox_("):
        assert await find(store, words) == [part.session_id], words
    for words in ("fox_(quick_", "%(quick", "quick%fox", "text:text", '"text"'):
        assert await find(store, words) == [], words


@pytest.mark.parametrize(
    ("words", "are"),
    [
        ("und die große straße", True),
        ("UND DIE GROßE STRAßE", True),
        ("e GROßE ÉTÉ, str", False),
        ("(große straße)", False),
        ("große stra", True),
        ("東京都に", True),
        ("京都に行", True),
        ("京都行", False),
        ("cafes (ÉTÉ)", True),
        ("c# (été)", False),
    ],
)
async def test_cases_of_letters_beyond_ascii_are_one(store: Store, words: str, are: bool) -> None:
    said = "Die große STRASSE und die große Straße, 私は東京都に行きました, cafés (été) and Cafes (été)"
    part = say(store, said)
    assert await find(store, words) == [part.session_id] * are


async def test_titles_come_first_then_words_then_what_is_within_them(store: Store) -> None:
    within = say(store, "the locatedness of things").session_id
    newer = say(store, "allocated").session_id
    words = say(store, "It was LOCATED, there").session_id
    again = say(store, "I located it").session_id
    titled = say(store, "located", title="Located where?").session_id
    assert await find(store, "located") == [titled, again, words, newer, within]
    assert await places(store, "located") == {
        "title": [titled],
        "words": [again, words],
        "within": [newer, within],
    }
    assert await places(store, "locate") == {"title": [titled], "within": [again, words, newer, within]}
    assert await places(store, "was located there") == {"words": [words]}
    assert await places(store, "as located, th") == {"within": [words]}
    assert await places(store, "was located there now") == {}


async def test_a_page_ends_before_what_is_within_longer_words(store: Store) -> None:
    texts = [*["oneness"] * 3, *["one"] * 3]
    ids = [say(store, text).session_id for text in texts][::-1]
    pages = []
    for skip in (0, 2, 3, 5, 6):
        page = await store.search("one", 2, skip)
        pages.append([match.session.id for match in page.matches])
        assert page.more == (skip < 5), skip
    assert pages == [ids[:2], ids[2:3], ids[3:5], ids[5:], []]


async def test_words_are_found_without_their_accents(store: Store) -> None:
    part = say(store, "un café très noir")
    assert await find(store, "cafe tres") == [part.session_id]


async def test_titles_and_words_are_found_by_one_letter(store: Store) -> None:
    titled = say(store, "something", title="Go to Lisbon")
    said = say(store, "let's go")
    assert await find(store, "lisb") == [titled.session_id]
    assert await find(store, "go") == [titled.session_id, said.session_id]
    assert await find(store, "s") == [titled.session_id, said.session_id]
    assert await find(store, "et") == []
    assert await find(store, "'s") == []


@pytest.mark.parametrize("few", [0, 1, 200])
async def test_titles_are_found_as_they_are_now(
    store: Store, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(sqlite_search, "FEW", few)
    first, second, third = (make_session(title) for title in ("One zebra", "two ZEBRAS", "zeb and bra"))
    first.parent_id = second.id
    for each in (first, second, third):
        store.put_session(each)

    async def titled(words: str, *, roots: bool = False) -> list[str]:
        return [each.id for each in await store.sessions(SessionQuery(search=words, roots=roots))]

    for words in ("zebra", "Zeb", "eBRa"):
        expected = {first.id, second.id} | ({third.id} if words == "Zeb" else set())
        assert set(await titled(words)) == expected, words
        assert set(await titled(words, roots=True)) == expected - {first.id}, words
    assert await titled("zebrab") == []
    first.title = "One lion"
    store.put_session(first)
    assert await titled("zebra") == [second.id]
    assert await titled("lion") == [first.id]
    unit = store.unit()
    unit.remove_session(second.id)
    await unit.commit()
    assert await titled("zebra") == []
    assert await titled("o") == [first.id]
    assert await titled("%") == []


async def test_sessions_that_others_began_are_left_out(store: Store) -> None:
    parent = say(store, "the parent says zebra")
    say(store, "the child says zebra", parent_id=parent.session_id)
    assert await find(store, "zebra") == [parent.session_id]


async def test_a_text_is_found_once_it_is_whole_and_by_what_it_says_then(store: Store) -> None:
    part = say(store, "the question")
    answer = make_answer(part.session_id, completed=False)
    growing = make_text(answer, "")
    growing.time = TimeSpan(start=1)
    store.put_message(answer)
    for word in ("alpha ", "beta ", "gamma "):
        growing.text += word
        store.put_live_part(growing.session_id, growing.id, lambda: growing)
        await store.commit()
    assert await find(store, "alpha") == []
    growing.time.end = 2
    store.put_part(growing)
    assert await find(store, "alpha beta gamma") == [part.session_id]
    growing.text = "delta"
    store.put_part(growing)
    assert await find(store, "alpha") == []
    assert await find(store, "delta") == [part.session_id]


async def test_what_is_removed_is_found_no_more(store: Store, tmp_path: Path) -> None:
    kept, cut, gone = (say(store, f"{word} zebra") for word in ("kept", "cut", "gone"))
    assert len(await find(store, "zebra")) == 3
    store.remove_part(cut.session_id, cut.id)
    unit = store.unit()
    unit.remove_session(gone.session_id)
    await unit.commit()
    assert await find(store, "zebra") == [kept.session_id]
    with sqlite3.connect(tmp_path / "opencode.db") as disk:
        for index, wanted in (("text_words", "zebra"), ("text_runs", "zeb")):
            indexed = disk.execute(f"SELECT count(*) FROM {index} WHERE {index} MATCH '{wanted}'").fetchone()
            assert indexed == (1,)


async def test_no_list_sorts_or_reads_a_whole_table(tmp_path: Path) -> None:
    """By the plans of the very statements that are run."""
    await fill(tmp_path, 30, 4)
    store = await Store.open(tmp_path)
    statements: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        statements.append((statement, parameters))

    engine = store._database._reading
    event.listen(engine, "before_cursor_execute", note)
    page = await store.sessions(SessionQuery(limit=10))
    last = (page[-1].time.updated, page[-1].id)
    for query in (
        SessionQuery(limit=10, after=last),
        SessionQuery(limit=10, roots=True),
        SessionQuery(limit=10, roots=True, after=last),
        SessionQuery(limit=10, search="marker"),
        SessionQuery(limit=10, roots=True, search=page[0].title),
        SessionQuery(roots=True, pinned=True),
        SessionQuery(limit=10, updated_since=last[0]),
        SessionQuery(parent_id=page[0].id),
    ):
        await store.sessions(query)
    newest = await store.messages(page[0].id, 2)
    await store.messages(page[0].id, 2, newest[-1].info.id)
    await store.message(page[0].id, newest[0].info.id)
    await store.todos(page[0].id)
    await store.search("marker1x1", 10)
    await store.search("arker1x1", 10)
    event.remove(engine, "before_cursor_execute", note)
    await store.close()
    assert len(statements) > 12
    paged = [statement for statement, _ in statements if "(session.time_updated, session.id) <" in statement]
    assert len(paged) == 2
    with create_engine(f"sqlite:///{tmp_path / 'opencode.db'}").connect() as connection:
        for statement, parameters in statements:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
            steps = [str(row.detail) for row in plan]
            for step in (each for each in steps if "trash" not in each):  # a look-up by its primary key
                assert step.startswith("SEARCH") or statement not in paged, (statement, step)
                if "AS few" in statement:
                    assert "session" not in step or "(id=?)" in step, (statement, step)
                    continue
                assert "TEMP B-TREE FOR DISTINCT" in step or "TEMP B-TREE" not in step, (statement, step)
                assert (
                    not step.startswith("SCAN")
                    or "INDEX" in step
                    or "sqlite_master" in statement
                    or step == "SCAN fts_pending"
                ), (
                    statement,
                    step,
                )


SEARCHES = ("marker1x1", "arker1x1", "nowhere")


async def test_twenty_times_as_many_sessions_are_no_more_work(tmp_path: Path) -> None:
    """By the instructions that SQLite runs, which no other load on the machine changes."""
    few, many = [await work(tmp_path / str(sessions), sessions) for sessions in (50, 1000)]
    assert few.keys() == many.keys()
    for name in few:
        # The indexes are in several pieces until these are merged, and each is looked into.
        most = 5 if name in SEARCHES else 1.5
        assert many[name] <= most * few[name], name


async def work(directory: Path, sessions: int) -> dict[str, int]:
    """Return how much each query does in a database of as many sessions, in units of ten instructions."""
    await fill(directory, sessions, 4)
    done = 0

    def count() -> None:
        nonlocal done
        done += 1

    engine = create_engine(f"sqlite:///{directory / 'opencode.db'}")
    with engine.connect() as connection:
        newest = queries.list_sessions(connection, SessionQuery(limit=40))[-1]
        asked = {
            "list": lambda: queries.list_sessions(connection, SessionQuery(limit=40)),
            "roots": lambda: queries.list_sessions(connection, SessionQuery(limit=40, roots=True)),
            "page": lambda: queries.list_sessions(
                connection, SessionQuery(limit=5, after=(newest.time.updated, newest.id))
            ),
            "pinned": lambda: queries.list_sessions(connection, SessionQuery(roots=True, pinned=True)),
            **{name: partial(queries.search_sessions, connection, name, 20) for name in SEARCHES},
            "children": lambda: queries.list_sessions(connection, SessionQuery(parent_id=newest.id)),
            "open": lambda: queries.list_messages(connection, newest.id, 30, None),
            "prompt": lambda: queries.list_messages(connection, newest.id, None, None),
        }
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.set_progress_handler(count, 10)
        found = {}
        for name, ask in asked.items():
            done = 0
            ask()
            found[name] = done
    engine.dispose()
    return found
