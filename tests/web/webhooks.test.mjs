// What arrives at a receiver, verified by the libraries that receivers use: `standardwebhooks` of npm and of PyPI.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Webhook } from "standardwebhooks";
import { change, signIn } from "./service.mjs";

/** The type of an event that the Python library takes; null if it refuses the message. */
function verifiedByPython(secret, { headers, body }) {
  const script = fileURLToPath(new URL("verify.py", import.meta.url));
  const input = JSON.stringify({ secret, headers, body });
  const { status, stdout, stderr } = spawnSync(process.env.PYTHON, [script], { input, encoding: "utf8" });
  if (status === 0) return stdout.trim();
  assert.match(stderr, /^refused: /);
  return null;
}

test("a message verifies with the published libraries, and with both secrets while they are rotated", async () => {
  const messages = [];
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray();
    messages.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    response.writeHead(204).end();
    server.emit("message");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const next = async (count) => {
    while (messages.length < count) await once(server, "message", { signal: AbortSignal.timeout(10_000) });
    return messages[count - 1];
  };

  const token = await signIn("harbour", "sam");
  const { webhook, secret } = await change(
    `mutation ($url: String!) { createWebhook(input: { url: $url, eventTypes: ["FirmImported"] }) {
       webhook { id } secret userErrors { code message } } }`,
    { url: `http://127.0.0.1:${server.address().port}/` },
    token,
  );
  const act = (mutation, shown) =>
    change(
      `mutation ($id: ID!) { ${mutation}(input: { webhookId: $id }) { ${shown} userErrors { code message } } }`,
      { id: webhook.id },
      token,
    );
  try {
    await act("sendTestEvent", "webhook { id }");
    const first = await next(1);
    const event = new Webhook(secret).verify(first.body, first.headers);
    assert.equal(event.type, "WebhookTested");
    assert.equal(event.id, first.headers["webhook-id"]);
    assert.deepEqual(event.data, { webhook: webhook.id });

    assert.throws(() => new Webhook(secret).verify(first.body.replace("WebhookTested", "Other"), first.headers));
    const old = { ...first.headers, "webhook-timestamp": `${Math.floor(Date.now() / 1000) - 301}` };
    assert.throws(() => new Webhook(secret).verify(first.body, old));

    assert.equal(verifiedByPython(secret, first), "WebhookTested");
    assert.equal(verifiedByPython(secret, { ...first, body: first.body.replace("WebhookTested", "Other") }), null);
    assert.equal(verifiedByPython(secret, { ...first, headers: old }), null);

    const rotated = await act("rotateWebhookSecret", "secret");
    await act("sendTestEvent", "webhook { id }");
    const second = await next(2);
    new Webhook(secret).verify(second.body, second.headers);
    new Webhook(rotated.secret).verify(second.body, second.headers);
    assert.throws(() => new Webhook(rotated.secret).verify(first.body, first.headers));
    for (const either of [secret, rotated.secret]) assert.equal(verifiedByPython(either, second), "WebhookTested");
    assert.equal(verifiedByPython(rotated.secret, first), null);
  } finally {
    await act("deleteWebhook", "deletedWebhookId");
    server.close();
    server.closeAllConnections();
  }
});
