// opencode's JavaScript SDK, its first client, through all that this server has for it.
// node sdk.mjs SERVER_URL FOLDER_WITH_NODE_MODULES

import assert from "node:assert/strict"
import { pathToFileURL } from "node:url"

const [url, root] = process.argv.slice(2)
const sdk = `${root}/node_modules/@opencode-ai/sdk/dist`
const { createOpencodeClient } = await import(pathToFileURL(`${sdk}/client.js`))
const headers = { authorization: `Basic ${btoa("opencode:secret")}` }
const client = createOpencodeClient({ baseUrl: url, headers })

/** The data of an answer that must be one. */
async function ok(call) {
  const { data, error, response } = await call
  assert.equal(error, undefined, `${response?.url}: ${JSON.stringify(error)}`)
  return data
}

const text = (message) => message.parts.filter((part) => part.type === "text").map((part) => part.text).join("")
const say = (word, more = {}) => ({ ...more, parts: [{ type: "text", text: word }] })

// Without the password nothing goes.
const stranger = createOpencodeClient({ baseUrl: url })
assert.equal((await stranger.session.list()).response.status, 401)

// Where we are.
assert.equal((await ok(client.project.current())).id, "global")
assert.equal((await ok(client.project.list())).length, 1)
assert.ok((await ok(client.path.get())).directory)
assert.equal((await ok(client.config.get())).model, "local/one")
const { providers } = await ok(client.config.providers())
assert.ok(providers.find((provider) => provider.id === "local").models.two)
assert.ok((await ok(client.provider.list())).connected.includes("local"))
assert.ok((await ok(client.provider.auth())).anthropic)
assert.equal((await ok(client.app.agents())).find((agent) => agent.name === "pirate").mode, "primary")
assert.equal((await ok(client.command.list()))[0].name, "greet")
assert.equal((await ok(client.mcp.status())).probe.status, "disabled")
assert.equal(await ok(client.mcp.connect({ path: { name: "probe" } })), true)
assert.equal((await ok(client.mcp.status())).probe.status, "connected")
assert.equal(await ok(client.mcp.disconnect({ path: { name: "probe" } })), true)

// A key comes and goes.
const connected = async () => (await ok(client.provider.list())).connected.includes("anthropic")
assert.equal(await connected(), false)
await ok(client.auth.set({ path: { id: "anthropic" }, body: { type: "api", key: "a-key" } }))
assert.equal(await connected(), true)

// Events, on both streams.
const events = (await client.event.subscribe()).stream
const heard = []
assert.equal((await events.next()).value.type, "server.connected")
assert.equal((await (await client.global.event()).stream.next()).value.payload.type, "server.connected")

/** The first event of a kind; whatever comes before it is kept as heard. */
async function until(type) {
  for (;;) {
    const { value, done } = await events.next()
    assert.ok(!done, `the stream ended before ${type}`)
    heard.push(value.type)
    if (value.type === type) return value.properties
  }
}

// A session, and what is said in it.
const session = await ok(client.session.create({ body: { title: "Mine" } }))
const path = { id: session.id }
assert.equal((await until("session.created")).info.id, session.id)
const answer = await ok(client.session.prompt({ path, body: say("todo", { model: { providerID: "local", modelID: "one" } }) }))
assert.equal(text(answer), "All done.")
assert.equal(answer.info.finish, "stop")
await until("session.idle")
for (const type of ["message.updated", "message.part.updated", "session.status", "todo.updated", "session.updated"])
  assert.ok(heard.includes(type), type)
assert.equal((await ok(client.session.todo({ path })))[0].content, "go")
const messages = await ok(client.session.messages({ path }))
assert.deepEqual(messages.map((message) => message.info.role), ["user", "assistant", "assistant"])
assert.equal((await ok(client.session.messages({ path, query: { limit: 1 } })))[0].info.id, answer.info.id)
assert.deepEqual(await ok(client.session.message({ path: { ...path, messageID: answer.info.id } })), answer)
assert.equal((await ok(client.session.get({ path }))).title, "Mine")
assert.ok((await ok(client.session.list())).some((each) => each.id === session.id))
assert.equal((await ok(client.session.update({ path, body: { title: "Ours" } }))).title, "Ours")
assert.deepEqual(await ok(client.session.diff({ path })), [])

// A command, a task of its own session, a failure that is told.
assert.equal(text(await ok(client.session.command({ path, body: { command: "greet", arguments: "Ada" } }))), "All done.")
await ok(client.session.prompt({ path, body: say("task") }))
assert.equal((await ok(client.session.children({ path }))).length, 1)
const failed = await ok(client.session.prompt({ path, body: say("fail") }))
assert.equal(failed.info.error.name, "APIError")
assert.equal(failed.info.error.data.message, "broken")

// What asks, and is answered.
await ok(client.session.promptAsync({ path, body: say("fetch") }))
const asked = await until("permission.asked")
assert.equal((await ok(client.session.status()))[session.id].type, "busy")
const permission = { path: { ...path, permissionID: asked.id }, body: { response: "always" } }
await ok(client.postSessionIdPermissionsPermissionId(permission))
assert.equal((await until("permission.replied")).reply, "always")
await until("session.idle")

// Stop.
await ok(client.session.promptAsync({ path, body: say("question") }))
await until("question.asked")
assert.equal(await ok(client.session.abort({ path })), true)
await until("session.idle")
const stopped = (await ok(client.session.messages({ path, query: { limit: 1 } })))[0]
assert.equal(stopped.info.error.name, "MessageAbortedError")

// Back and forth, copies, links, condensed, away.
const reverted = await ok(client.session.revert({ path, body: { messageID: messages[0].info.id } }))
assert.equal(reverted.revert.messageID, messages[0].info.id)
assert.equal((await ok(client.session.unrevert({ path }))).revert, undefined)
const fork = await ok(client.session.fork({ path, body: { messageID: answer.info.id } }))
assert.equal((await ok(client.session.messages({ path: { id: fork.id } }))).length, 2)
const shared = await ok(client.session.share({ path }))
assert.equal((await fetch(shared.share.url)).status, 200)
assert.equal((await ok(client.session.unshare({ path }))).share, undefined)
assert.equal(await ok(client.session.summarize({ path, body: { providerID: "local", modelID: "one" } })), true)
assert.equal(await ok(client.session.delete({ path })), true)

// What is not there is an error with a message.
const gone = await client.session.get({ path })
assert.equal(gone.response.status, 404)
assert.equal(gone.error.name, "NotFoundError")
const wrong = await client.session.prompt({ path: { id: fork.id }, body: say("hi", { model: { providerID: "local", modelID: "onn" } }) })
assert.equal(wrong.response.status, 400)
assert.match(wrong.error.data.message, /Did you mean one/)
const absent = await client.session.shell({ path: { id: fork.id }, body: { agent: "build", command: "ls" } })
assert.equal(absent.response.status, 404)
assert.equal(absent.error.name, "NotFoundError")
await assert.rejects(client.session.get({ path, throwOnError: true }))

console.log("done")
process.exit(0)
