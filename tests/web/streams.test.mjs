// The published clients follow the log, unchanged: graphql-ws, graphql-sse, urql's and Apollo's own transports.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { Client as UrqlClient, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";
import WebSocket from "ws";
import { openLine } from "./line.mjs";
import { ask, change, graphql, origin, signIn } from "./service.mjs";

const FIRM = "summit"; // the other files are at harbour
const TIMEOUT = { timeout: 20_000 };
const ITEM = "__typename ... on Event { id cursor type data actor { handle } } ... on Checkpoint { cursor }";
const FOLLOW = `subscription Follow($after: String) { events(after: $after) { ${ITEM} } }`;
const FOLLOW_IMPERSONATIONS = `subscription { impersonationEvents { ${ITEM} } }`;
const WHO = "query Who { viewer { user { handle } } }";
const RENAME = `mutation Rename { updateProfile(input: { displayName: "Ben Achterberg" }) {
  user { name } userErrors { code message } } }`;

const socketUrl = (base) => `${base.replace("http", "ws")}/graphql`;
const bearer = (token) => ({ authorization: `Bearer ${token}` });

/** Does something a few times of which the person hears. */
async function renameThrice(token) {
  for (let round = 0; round < 3; round += 1) await change(RENAME, {}, token);
}

/** What a subscription brings: a sink for the client, to be read piece by piece. */
class Stream {
  #version;
  #arrived = [];
  #wake = () => {};

  next = (result) => this.#put({ result });
  error = (error) => this.#put({ error });
  complete = () => this.#put({ complete: true });

  #put(piece) {
    this.#arrived.push(piece);
    this.#wake();
  }

  /** `{ result }`, `{ error }` or `{ complete }`. */
  async piece() {
    while (this.#arrived.length === 0) await new Promise((resolve) => (this.#wake = resolve));
    return this.#arrived.shift();
  }

  /** The next item of the feed. */
  async item() {
    const { result, ...end } = await this.piece();
    assert.ok(result?.data && !result.errors, JSON.stringify(result ?? end));
    return Object.values(result.data)[0];
  }

  /** Without a cursor, a stream begins with a checkpoint: what happens from here on is heard. */
  async begun() {
    assert.equal((await this.item()).__typename, "Checkpoint");
    return this;
  }

  async event() {
    for (;;) {
      const item = await this.item();
      if (item.__typename === "Event") return item;
    }
  }

  /** That the next events are so many changes of the profile, each of the version after the one before. */
  async tells(count) {
    for (let heard = 0; heard < count; heard += 1) {
      const { type, data } = await this.event();
      assert.deepEqual([type, data.version], ["UserUpdated", this.#version ?? data.version]);
      this.#version = data.version + 1;
    }
  }
}

/** The variables of a subscription that goes on behind what has been heard: clients read them anew at each try. */
function bookmark() {
  const mark = {};
  const stream = new Stream();
  const { next } = stream;
  stream.next = (result) => {
    mark.after = Object.values(result.data ?? {})[0]?.cursor ?? mark.after;
    next(result);
  };
  return { mark, stream };
}

describe("graphql-ws", () => {
  let token;
  before(async () => (token = await signIn(FIRM, "ben")), TIMEOUT);

  /** A client, and the sockets that it opened and how they were closed. */
  function connect(t, { base = origin, ...options } = {}) {
    const sockets = [];
    const closes = [];
    const client = createWsClient({
      url: socketUrl(base),
      webSocketImpl: WebSocket,
      connectionParams: bearer(token),
      retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
      ...options,
    });
    client.on("opened", (socket) => sockets.push(socket));
    client.on("closed", ({ code }) => closes.push(code));
    t.after(() => client.dispose());
    return { client, sockets, closes };
  }

  function follow(client) {
    const { mark, stream } = bookmark();
    const stop = client.subscribe({ query: FOLLOW, variables: mark }, stream);
    return { stream, stop };
  }

  test("goes on behind the cursor when the line was cut, and misses nothing", TIMEOUT, async (t) => {
    const line = await openLine(t);
    const { client, sockets } = connect(t, { base: line.url, shouldRetry: () => true, retryAttempts: Infinity });
    const { stream, stop } = follow(client);
    await stream.begun();
    await renameThrice(token);
    await stream.tells(3);
    line.cut();
    await renameThrice(token);
    line.mend();
    await stream.tells(3);
    client.terminate();
    await renameThrice(token);
    await stream.tells(3);
    assert.equal(sockets.length, 3);
    stop();
  });

  test("runs streams, queries and changes over one socket", TIMEOUT, async (t) => {
    const { client, sockets } = connect(t);
    const { stream, stop } = follow(client);
    await stream.begun();
    const impersonations = new Stream();
    const stopOther = client.subscribe({ query: FOLLOW_IMPERSONATIONS }, impersonations);
    await impersonations.begun();
    const once = async (payload) => {
      const { value } = await client.iterate(payload).next();
      return value.data;
    };
    assert.equal((await once({ query: WHO })).viewer.user.handle, "ben");
    const { updateProfile } = await once({ query: RENAME });
    assert.deepEqual(updateProfile.userErrors, []);
    await stream.tells(1);
    stopOther();
    await renameThrice(token);
    await stream.tells(3);
    stop();
    assert.equal(sockets.length, 1);
  });

  test("hears of a refused operation as an error, and goes on", TIMEOUT, async (t) => {
    const { client, sockets } = connect(t);
    const { stream, stop } = follow(client);
    await stream.begun();
    const refused = async (query) => {
      const answer = new Stream();
      client.subscribe({ query }, answer);
      const { error } = await answer.piece();
      return error[0].extensions.code;
    };
    assert.equal(await refused("{ nonsense }"), "GRAPHQL_VALIDATION_FAILED");
    assert.equal(await refused("subscription {"), "GRAPHQL_PARSE_FAILED");
    await change(RENAME, {}, token);
    await stream.tells(1);
    assert.equal(sockets.length, 1);
    stop();
  });

  test("is closed with 4403 for bad credentials, and may try again with better ones", TIMEOUT, async (t) => {
    const givenUp = new Stream();
    connect(t, { connectionParams: bearer("lcs_x"), retryAttempts: 0 }).client.subscribe({ query: FOLLOW }, givenUp);
    const { error } = await givenUp.piece();
    assert.deepEqual([error.code, error.reason], [4403, "Forbidden"]);

    const tokens = ["lcs_x", token];
    const { client, closes } = connect(t, { connectionParams: () => bearer(tokens.shift()) });
    const { stream, stop } = follow(client);
    await stream.begun();
    assert.deepEqual(closes, [4403]);
    stop();
  });

  test("loses the stream by sign-out, and goes on where it was after the next sign-in", TIMEOUT, async (t) => {
    let session = await signIn(FIRM, "ben");
    const renewed = async () => {
      const current = session;
      session = token;
      return bearer(current);
    };
    const { client, closes } = connect(t, { connectionParams: renewed });
    const own = session;
    const { stream, stop } = follow(client);
    await stream.begun();
    await renameThrice(own);
    await stream.tells(3);
    await change("mutation { signOut { signedOut userErrors { code } } }", {}, own);
    await renameThrice(token);
    await stream.tells(3);
    assert.deepEqual(closes, [4403]);
    stop();
  });

  test("connects at once or when it is used, and pings", TIMEOUT, async (t) => {
    const eager = connect(t, { lazy: false, keepAlive: 20 });
    let pongs = 0;
    await new Promise((resolve) => eager.client.on("pong", (received) => received && (pongs += 1) === 3 && resolve()));
    assert.deepEqual([eager.sockets.length, eager.closes], [1, []]);
    const busy = follow(eager.client);
    await busy.stream.begun();
    busy.stop();
    await new Promise((resolve) => eager.client.on("pong", resolve));
    assert.deepEqual([eager.sockets.length, eager.closes], [1, []], "it stays connected");

    const lazy = connect(t, { lazy: true });
    const { stream, stop } = follow(lazy.client);
    await stream.begun();
    const closed = new Promise((resolve) => lazy.client.on("closed", resolve));
    stop();
    assert.equal((await closed).code, 1000);
  });

  test("tells the principal who acts in her name", TIMEOUT, async (t) => {
    const [ana, bo] = [await signIn(FIRM, "ana"), await signIn(FIRM, "bo")];
    const { delegation } = await change(
      `mutation { addBackOfficeUser(input: { email: "bo@${FIRM}.example", scope: [VIEW] }) {
         delegation { id state } userErrors { code message } } }`,
      {},
      ana,
    );
    const { client } = connect(t, { connectionParams: bearer(ana) });
    const stream = new Stream();
    const stop = client.subscribe({ query: FOLLOW_IMPERSONATIONS }, stream);
    await stream.begun();
    await change(
      `mutation ($id: ID!) { startImpersonation(input: { delegationId: $id }) { userErrors { code message } } }`,
      { id: delegation.id },
      bo,
    );
    const started = await stream.event();
    assert.deepEqual([started.type, started.actor.handle], ["ImpersonationStarted", "bo"]);
    await change("mutation { stopImpersonation { userErrors { code message } } }", {}, bo);
    assert.equal((await stream.event()).type, "ImpersonationEnded");
    stop();
    await change(
      `mutation ($id: ID!) { revokeDelegation(input: { delegationId: $id }) { userErrors { code message } } }`,
      { id: delegation.id },
      ana,
    );
  });
});

describe("graphql-sse", () => {
  let token;
  before(async () => (token = await signIn(FIRM, "ben")), TIMEOUT);

  function connect(t, { base = origin, ...options } = {}) {
    const client = createSseClient({
      url: `${base}/graphql`,
      headers: () => bearer(token),
      retry: () => new Promise((resolve) => setTimeout(resolve, 50)),
      retryAttempts: Infinity,
      ...options,
    });
    t.after(() => client.dispose());
    return client;
  }

  function follow(client) {
    const { mark, stream } = bookmark();
    const stop = client.subscribe({ query: FOLLOW, variables: mark }, stream);
    return { stream, stop };
  }

  test("goes on behind the cursor when the line was cut, and misses nothing", TIMEOUT, async (t) => {
    const line = await openLine(t);
    const { stream, stop } = follow(connect(t, { base: line.url }));
    await stream.begun();
    await renameThrice(token);
    await stream.tells(3);
    line.cut();
    await renameThrice(token);
    line.mend();
    await stream.tells(3);
    stop();
  });

  test("runs streams, queries and changes side by side", TIMEOUT, async (t) => {
    const client = connect(t, { lazy: false });
    const { stream, stop } = follow(client);
    await stream.begun();
    const once = async (payload) => {
      const answer = new Stream();
      client.subscribe(payload, answer);
      const { result } = await answer.piece();
      assert.deepEqual(await answer.piece(), { complete: true });
      return result;
    };
    assert.equal((await once({ query: WHO })).data.viewer.user.handle, "ben");
    const { data } = await once({ query: RENAME });
    assert.deepEqual(data.updateProfile.userErrors, []);
    await stream.tells(1);
    assert.equal((await once({ query: "{ nonsense }" })).errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
    stop();
  });

  test("is told of bad credentials, and of sign-out", TIMEOUT, async (t) => {
    const isToldSo = async (stream) => {
      const { result } = await stream.piece();
      assert.equal(result.errors[0].extensions.code, "UNAUTHENTICATED");
      assert.deepEqual(await stream.piece(), { complete: true });
    };
    await isToldSo(follow(connect(t, { headers: bearer("lcs_x") })).stream);
    const session = await signIn(FIRM, "ben");
    const { stream } = follow(connect(t, { headers: bearer(session) }));
    await stream.begun();
    await change("mutation { signOut { signedOut userErrors { code } } }", {}, session);
    await isToldSo(stream);
  });
});

describe("urql", () => {
  let token;
  before(async () => (token = await signIn(FIRM, "ben")), TIMEOUT);

  async function follows(client) {
    const stream = new Stream();
    const { unsubscribe } = client.subscription(FOLLOW, {}).subscribe(stream.next);
    await stream.begun();
    const { data } = await client.query(WHO, {});
    assert.equal(data.viewer.user.handle, "ben");
    const changed = await client.mutation(RENAME, {});
    assert.deepEqual(changed.data.updateProfile.userErrors, []);
    await renameThrice(token);
    await stream.tells(4);
    unsubscribe();
    const refused = await client.query("{ nonsense }", {});
    assert.equal(refused.error.graphQLErrors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
  }

  test("follows by its subscriptionExchange, over graphql-ws", TIMEOUT, async (t) => {
    const socket = createWsClient({
      url: socketUrl(origin),
      webSocketImpl: WebSocket,
      connectionParams: bearer(token),
    });
    t.after(() => socket.dispose());
    const forwardSubscription = (request) => ({
      subscribe: (sink) => ({ unsubscribe: socket.subscribe({ ...request, query: request.query ?? "" }, sink) }),
    });
    const exchanges = [fetchExchange, subscriptionExchange({ forwardSubscription })];
    await follows(new UrqlClient({ url: graphql, fetchOptions: { headers: bearer(token) }, exchanges }));
  });

  test("follows by its fetchExchange, which reads event streams", TIMEOUT, async () => {
    const client = new UrqlClient({
      url: graphql,
      fetchOptions: { headers: bearer(token) },
      fetchSubscriptions: true,
      exchanges: [fetchExchange],
    });
    await follows(client);
  });
});

describe("Apollo", () => {
  test("follows by its GraphQLWsLink, beside its HttpLink", TIMEOUT, async (t) => {
    const token = await signIn(FIRM, "ben");
    const socket = createWsClient({
      url: socketUrl(origin),
      webSocketImpl: WebSocket,
      connectionParams: bearer(token),
    });
    t.after(() => socket.dispose());
    const isStream = ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION;
    const http = new HttpLink({ uri: graphql, headers: bearer(token) });
    const client = new ApolloClient({
      link: ApolloLink.split(isStream, new GraphQLWsLink(socket), http),
      cache: new InMemoryCache(),
    });
    const stream = new Stream();
    const subscription = client.subscribe({ query: gql(FOLLOW) }).subscribe(stream);
    await stream.begun();
    const { data } = await client.query({ query: gql(WHO) });
    assert.equal(data.viewer.user.handle, "ben");
    const changed = await client.mutate({ mutation: gql(RENAME) });
    assert.deepEqual(changed.data.updateProfile.userErrors, []);
    await renameThrice(token);
    await stream.tells(4);
    subscription.unsubscribe();
    await assert.rejects(client.query({ query: gql("{ nonsense }") }), ({ errors }) => {
      assert.equal(errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
      return true;
    });
    client.stop();
  });
});
