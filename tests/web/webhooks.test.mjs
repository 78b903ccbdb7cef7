// What arrives at a receiver, verified by the library that receivers use: npm `standardwebhooks`.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { Webhook } from "standardwebhooks";
import { change, signIn } from "./service.mjs";

test("a message verifies with the published library, and with both secrets while they are rotated", async () => {
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

    const rotated = await act("rotateWebhookSecret", "secret");
    await act("sendTestEvent", "webhook { id }");
    const second = await next(2);
    new Webhook(secret).verify(second.body, second.headers);
    new Webhook(rotated.secret).verify(second.body, second.headers);
    assert.throws(() => new Webhook(rotated.secret).verify(first.body, first.headers));
  } finally {
    await act("deleteWebhook", "deletedWebhookId");
    server.close();
    server.closeAllConnections();
  }
});
