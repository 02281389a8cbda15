"""Tokens, share of the context and cost of a conversation, always on its page."""

from pathlib import Path

from playwright.async_api import Browser, expect

from opencode.schema.part import CacheTokens, Tokens
from opencode.server.web.usage import MAX_STEPS, Step, Usage, by_model
from tests.agent.conversation import assistant
from tests.llm.answer import Usage as Reported
from tests.llm.server import LLM, Answer
from tests.web.conftest import serving
from tests.web.test_conversation import at_rest, begin, say

MODEL = {"cost": {"input": 3, "output": 15}, "limit": {"context": 20_000, "output": 1_000}}


def test_the_share_is_of_the_models_context() -> None:
    assert Usage(5_000, 20_000).share == 25
    assert Usage(50_000, 20_000).share == 100 and Usage(5_000).share == 0
    assert Usage(5_000).freed == 3_000 and Usage(500).freed == 0


def test_steps_are_summed_by_model() -> None:
    messages = [assistant(number) for number in (1, 2, 3)]
    for number, message in enumerate(messages):
        message.info.time.completed = 9  # type: ignore[union-attr]
        message.info.model_id = "ab"[number // 2]  # type: ignore[union-attr]
        message.info.cost = 0.5 + number  # type: ignore[union-attr]
        message.info.tokens = Tokens(input=10, output=2, reasoning=1, cache=CacheTokens(read=5))  # type: ignore[union-attr]
    dear, cheap = by_model(messages)
    assert (dear.cost, dear.count, cheap.cost, cheap.count) == (2.5, 1, 2.0, 2)
    assert (cheap.input, cheap.output) == (30, 6)
    assert isinstance(dear, Step) and MAX_STEPS > 0


async def test_the_meter_shows_what_was_used_and_what_compacting_frees(
    tmp_path: Path, llm: LLM, browser: Browser
) -> None:
    provider = {
        "local": {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": f"{llm.url}/v1", "apiKey": "none"},
            "models": {"one": MODEL},
        }
    }
    llm.script(
        Answer(text="one", usage=Reported(input=8_000, output=400)),
        Answer(text="two", usage=Reported(input=9_600, output=400)),
    )
    async with serving(tmp_path, llm, provider=provider) as site:
        page = await browser.new_page()
        await page.goto(site.url)
        await begin(page)
        await at_rest(page)
        meter = page.locator("#usage-now")
        await expect(meter).to_contain_text("8.4k tokens · 42 % · $0.03")
        await say(page, "more")
        await expect(meter).to_contain_text("10k tokens · 50 % · $0.06")
        await page.click("#usage summary")
        await expect(page.locator("#usage-list")).to_contain_text(
            "10k of 20k tokens are in the context (50 %)."
        )
        await expect(page.locator("#usage-list tbody").first.locator("tr")).to_have_count(1)
        await expect(page.locator("#usage-list tbody").last.locator("tr")).to_have_count(2)
        await page.click("#usage summary")
        await page.click(".more > summary")
        await expect(page.locator("#menu-compact")).to_contain_text("frees about 8k of 10k tokens")
        await page.reload()
        await expect(meter).to_contain_text("10k tokens · 50 %")
        await page.close()
