// The explorer in a browser, as a person uses it. Each test goes on where the one before it stopped.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { buildClientSchema, getIntrospectionQuery, getVariableValues, Kind, parse, validate } from "graphql";
import { chromium } from "playwright-core";
import { ask, change, graphql, origin, signIn } from "./service.mjs";

const QUERY = ".graphiql-query-editor .CodeMirror";
const VARIABLES = ".graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror";
const ANSWER = ".result-window .CodeMirror";
const READY_MADE = "Ready-made operations";
const TIMEOUT = { timeout: 60_000 };
const UPDATE_PROFILE = `mutation { updateProfile(input: { displayName: "Ana Underwood" }) {
  userErrors { code message } } }`;

// No name is resolved, so that nothing but the service can be reached.
const { hostname } = new URL(origin);
const ARGUMENTS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${hostname}`,
];

describe("the explorer", () => {
  const strangers = [];
  const complaints = [];
  let browser;
  let context;
  let page;
  let invitation;

  before(async () => {
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM, chromiumSandbox: false, args: ARGUMENTS });
    context = await browser.newContext();
    context.setDefaultTimeout(20_000);
    context.on("request", (request) => isElsewhere(request.url()) && strangers.push(request.url()));
    context.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    context.on("weberror", (error) => complaints.push(String(error.error())));
    page = await context.newPage();
    page.on("websocket", (socket) => isElsewhere(socket.url()) && strangers.push(socket.url()));
  }, TIMEOUT);

  after(() => browser?.close());

  test("opens at /graphql with the ready-made operations", TIMEOUT, async () => {
    await page.goto(graphql);
    assert.deepEqual(await readyMade(page), operationsOf(await fileOf("operations.graphql")));
  });

  test("has ready-made operations that fit the schema, with their variables", TIMEOUT, async () => {
    const schema = buildClientSchema(await ask(getIntrospectionQuery()));
    for (const name of await readyMade(page)) {
      await open(page, name);
      const document = parse(await valueOf(page, QUERY));
      const [operation] = document.definitions;
      assert.equal(operation.name.value, name);
      assert.deepEqual(validate(schema, document).map(String), [], name);
      const variables = JSON.parse((await valueOf(page, VARIABLES)) || "{}");
      const { errors = [] } = getVariableValues(schema, operation.variableDefinitions, variables);
      assert.deepEqual(errors.map(String), [], name);
    }
  });

  test("signs in by a cookie that scripts cannot read", TIMEOUT, async () => {
    await open(page, "SignIn");
    const { signIn } = await run(page);
    assert.deepEqual(signIn.userErrors, []);
    const cookies = await context.cookies();
    const session = cookies.find(({ name }) => name === "__Host-locum-session");
    assert.ok(session?.httpOnly && session.secure && session.sameSite === "Lax", JSON.stringify(cookies));
  });

  test("shows who is signed in", TIMEOUT, async () => {
    await open(page, "Viewer");
    const { viewer } = await run(page);
    assert.equal(viewer.user.handle, "ana");
    await page.locator(ANSWER).getByText('"ana"').first().waitFor();
  });

  test("adds a back-office user", TIMEOUT, async () => {
    await open(page, "AddBackOfficeUser");
    const { addBackOfficeUser } = await run(page);
    assert.deepEqual(addBackOfficeUser.userErrors, []);
    assert.equal(addBackOfficeUser.delegation.state, "PENDING");
    invitation = addBackOfficeUser.delegation.email;
  });

  test("follows by its cookie what others do", TIMEOUT, async () => {
    await open(page, "FollowEvents");
    await subscribe(page);
    await change(UPDATE_PROFILE, {}, await signIn("harbour", "ana"));
    await shows(page, "UserUpdated");
    await stop(page);
  });

  test("follows impersonations by the token in its headers, which counts more than the cookie", TIMEOUT, async () => {
    const [ben, bo] = [await signIn("harbour", "ben"), await signIn("harbour", "bo")];
    const { delegation } = await change(
      `mutation { addBackOfficeUser(input: { email: "bo@harbour.example", scope: [VIEW] }) {
         delegation { id } userErrors { code message } } }`,
      {},
      ben,
    );
    await open(page, "FollowImpersonations");
    await page.getByRole("button", { name: "Headers" }).click();
    await fill(page, VARIABLES, JSON.stringify({ Authorization: `Bearer ${ben}` }));
    await subscribe(page);
    const input = { delegationId: delegation.id };
    await change(`mutation ($input: StartImpersonationInput!) { startImpersonation(input: $input) {
      userErrors { code message } } }`, { input }, bo);
    await shows(page, "ImpersonationStarted");
    await change(`mutation ($input: RevokeDelegationInput!) { revokeDelegation(input: $input) {
      userErrors { code message } } }`, { input }, ben);
    await shows(page, "ImpersonationEnded");
    await stop(page);
  });

  test("says at once why it cannot follow", TIMEOUT, async () => {
    await fill(page, VARIABLES, JSON.stringify({ Authorization: "Bearer lcs_x" }));
    await page.getByRole("button", { name: /^Execute query/ }).click();
    await shows(page, "4403 Forbidden");
    // GraphiQL's toolkit shows it, and leaves it uncaught too.
    await eventually(() => assert.deepEqual(complaints, ["Error: Socket closed with event 4403 Forbidden"]));
    complaints.length = 0;
    await fill(page, VARIABLES, "");
    await page.getByRole("button", { name: "Variables" }).click();
  });

  test("opens what an address asks for, and takes it out of the address", TIMEOUT, async () => {
    const asked = { query: "query Asked($id: ID!) {\n  node(id: $id) { id }\n}\n", variables: '{"id": "some-token"}' };
    await page.goto("about:blank"); // so that the page is loaded anew
    await page.goto(`${graphql}#${new URLSearchParams(asked)}`);
    assert.equal(await valueOf(page, QUERY, /Asked/), asked.query);
    assert.deepEqual(JSON.parse(await valueOf(page, VARIABLES)), { id: "some-token" });
    assert.equal(page.url(), graphql);
  });

  test("opens a mail's link with the operation and the token filled in", TIMEOUT, async () => {
    // A link is not taken from somebody who is signed in with another address.
    await page.context().clearCookies();
    const mail = await mailTo(invitation);
    await page.goto(`${origin}/dev/mail`);
    await page.getByText(invitation).first().waitFor();
    const [link] = /http\S+\/graphql#\S+/.exec(mail.text);
    await page.goto(link);
    const [operation] = parse(await valueOf(page, QUERY, /CompleteRegistration/)).definitions;
    assert.equal(operation.name.value, "CompleteRegistration");
    const { input } = JSON.parse(await valueOf(page, VARIABLES));
    assert.match(input.token, /^lcl_/);
    assert.equal(page.url(), graphql);

    const password = "a passphrase of five words";
    await fill(page, VARIABLES, JSON.stringify({ input: { ...input, password } }));
    const { completeRegistration } = await run(page);
    assert.deepEqual(completeRegistration.userErrors, []);
    assert.ok(completeRegistration.user.handle);
  });

  test("asked nothing of any other origin", () => assert.deepEqual(strangers, []));

  test("logged no error to the browser's console", () => assert.deepEqual(complaints, []));
});

function isElsewhere(address) {
  const url = new URL(address);
  return url.origin.replace(/^ws/, "http") !== origin && !["about:", "blob:", "data:"].includes(url.protocol);
}

async function fileOf(name) {
  const response = await fetch(`${graphql}/explorer/${name}`);
  assert.equal(response.status, 200);
  return response.text();
}

function operationsOf(text) {
  const operations = parse(text).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  return operations.map(({ name }) => name.value);
}

/** The names in the side panel. */
async function readyMade(page) {
  const names = page.getByRole("region", { name: READY_MADE }).locator(".ready-made-name");
  await names.first().waitFor();
  return names.allTextContents();
}

/** Opens a ready-made operation in a tab. */
async function open(page, name) {
  const panel = page.getByRole("region", { name: READY_MADE });
  await panel.getByRole("button", { name: new RegExp(`^${name}\\b`) }).click();
  await valueOf(page, QUERY, new RegExp(`\\b${name}\\b`));
}

/** Presses the button, and waits for the data. */
async function run(page) {
  await page.getByRole("button", { name: /^Execute query/ }).click();
  const answer = JSON.parse(await valueOf(page, ANSWER, /^\{[^]*\}\s*$/));
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
  return answer.data;
}

/** Presses the button, and waits until the subscription has begun. */
async function subscribe(page) {
  await page.getByRole("button", { name: /^Execute query/ }).click();
  await shows(page, "Checkpoint");
}

async function stop(page) {
  await page.getByRole("button", { name: /^Stop query/ }).click();
  await page.getByRole("button", { name: /^Execute query/ }).waitFor();
}

/** Waits until the answer has this text. */
const shows = (page, text) => valueOf(page, ANSWER, new RegExp(text));

/** The whole text of an editor, of which only a part may be on the screen, as soon as it is the expected one. */
async function valueOf(page, editor, expected = /^/) {
  return eventually(async () => {
    const value = await page.locator(editor).evaluate(({ CodeMirror }) => CodeMirror.getValue());
    assert.match(value, expected);
    return value;
  });
}

function fill(page, editor, text) {
  return page.locator(editor).evaluate(({ CodeMirror }, value) => CodeMirror.setValue(value), text);
}

/** The newest mail to an address, once it is there. */
function mailTo(address) {
  return eventually(async () => {
    const mails = await (await fetch(`${origin}/dev/mail.json`)).json();
    const mail = mails.find(({ to }) => JSON.stringify(to).includes(address));
    assert.ok(mail, `no mail to ${address}`);
    return mail;
  });
}

/** What it answers as soon as it does not fail any more. */
async function eventually(attempt) {
  const deadline = Date.now() + 15_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(50);
    }
  }
}
