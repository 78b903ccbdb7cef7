// The service under test, which `run` starts.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

assert.ok(process.env.LOCUM_URL, "LOCUM_URL is missing: start the tests with tests/web/run");

export const { origin } = new URL(process.env.LOCUM_URL);
export const graphql = `${origin}/graphql`;

/** What the service answers to a query of nobody. */
export async function ask(query) {
  const response = await fetch(graphql, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/graphql-response+json" },
    body: JSON.stringify({ query }),
  });
  const answer = await response.json();
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
  return answer.data;
}

/** The text of a file of the repository. */
export const repositoryFile = (path) => readFile(new URL(`../../${path}`, import.meta.url), "utf8");
