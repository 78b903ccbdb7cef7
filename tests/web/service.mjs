// The service under test, which `run` starts.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

assert.ok(process.env.LOCUM_URL, "LOCUM_URL is missing: start the tests with tests/web/run");

export const { origin } = new URL(process.env.LOCUM_URL);
export const graphql = `${origin}/graphql`;

/** The data of an answer; to nobody, if there is no token. */
export async function ask(query, variables, token) {
  const response = await fetch(graphql, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/graphql-response+json",
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const answer = await response.json();
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
  return answer.data;
}

/** What a change answers, which has to succeed. */
export async function change(mutation, variables, token) {
  const [payload] = Object.values(await ask(mutation, variables, token));
  assert.deepEqual(payload.userErrors, []);
  return payload;
}

/** The token of a new session of one of the demo people. */
export async function signIn(firm, username) {
  const { token } = await change(
    `mutation ($input: SignInInput!) { signIn(input: $input) { token userErrors { code message } } }`,
    { input: { firm, username, password: "locum-demo-passphrase" } },
  );
  return token;
}

/** The text of a file of the repository. */
export const repositoryFile = (path) => readFile(new URL(`../../${path}`, import.meta.url), "utf8");
