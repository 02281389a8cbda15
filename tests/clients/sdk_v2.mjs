// opencode's JavaScript SDK, its second client: the one that opencode's own programs use.
// node sdk_v2.mjs SERVER_URL FOLDER_WITH_NODE_MODULES

import assert from "node:assert/strict"
import { pathToFileURL } from "node:url"

const [url, root] = process.argv.slice(2)
const { createOpencodeClient } = await import(pathToFileURL(`${root}/node_modules/@opencode-ai/sdk/dist/v2/client.js`))
const headers = { authorization: `Basic ${btoa("opencode:secret")}` }
const client = createOpencodeClient({ baseUrl: url, headers })

/** The data of an answer that must be one. */
async function ok(call) {
  const { data, error, response } = await call
  assert.equal(error, undefined, `${response?.url}: ${JSON.stringify(error)}`)
  return data
}

const say = (word) => [{ type: "text", text: word }]

assert.equal((await ok(client.global.health())).healthy, true)
assert.equal((await ok(client.global.config.get())).model, "local/one")
assert.equal((await ok(client.config.get())).model, "local/one")
assert.ok((await ok(client.provider.list())).connected.includes("local"))
assert.equal((await ok(client.project.current())).id, "global")
assert.equal(await ok(client.auth.set({ providerID: "anthropic", auth: { type: "api", key: "a-key" } })), true)
assert.equal(await ok(client.auth.remove({ providerID: "anthropic" })), true)

const events = (await client.event.subscribe()).stream
async function until(type) {
  for (;;) {
    const { value, done } = await events.next()
    assert.ok(!done, `the stream ended before ${type}`)
    if (value.type === type) return value.properties
  }
}
await until("server.connected")

const { id: sessionID } = await ok(client.session.create({ title: "Mine" }))
const answer = await ok(client.session.prompt({ sessionID, parts: say("todo") }))
assert.equal(answer.parts.find((part) => part.type === "text").text, "All done.")
assert.equal((await ok(client.session.todo({ sessionID }))).length, 1)
await until("session.idle")

await ok(client.session.promptAsync({ sessionID, parts: say("fetch") }))
const permission = await until("permission.asked")
assert.deepEqual((await ok(client.permission.list())).map((each) => each.id), [permission.id])
assert.equal(await ok(client.permission.reply({ requestID: permission.id, reply: "once" })), true)
await until("session.idle")

await ok(client.session.promptAsync({ sessionID, parts: say("question") }))
const question = await until("question.asked")
assert.deepEqual((await ok(client.question.list())).map((each) => each.id), [question.id])
assert.equal(await ok(client.question.reply({ requestID: question.id, answers: [["A"]] })), true)
await until("session.idle")
await ok(client.session.promptAsync({ sessionID, parts: say("question") }))
assert.equal(await ok(client.question.reject({ requestID: (await until("question.asked")).id })), true)
await until("session.idle")

const [prompt, first] = await ok(client.session.messages({ sessionID }))
const part = first.parts.find((each) => each.type === "reasoning")
const ids = { sessionID, messageID: first.info.id, partID: part.id }
assert.equal((await ok(client.part.update({ ...ids, part: { ...part, text: "Changed." } }))).text, "Changed.")
assert.equal(await ok(client.part.delete(ids)), true)
assert.equal(await ok(client.session.deleteMessage({ sessionID, messageID: first.info.id })), true)
assert.equal((await ok(client.session.fork({ sessionID }))).title, "Mine (fork #1)")
await ok(client.session.revert({ sessionID, messageID: prompt.info.id }))
await ok(client.session.unrevert({ sessionID }))
assert.equal(await ok(client.session.abort({ sessionID })), true)
assert.equal(await ok(client.session.delete({ sessionID })), true)
assert.equal((await client.session.get({ sessionID })).error.name, "NotFoundError")

// Its `v2` part speaks of routes below /api, which this server does not have.
assert.equal((await client.v2.session.list()).response.status, 404)

console.log("done")
process.exit(0)
