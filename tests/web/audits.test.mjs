// GraphQL over HTTP: all audits of graphql-http, those of its recommendations too.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serverAudits } from "graphql-http";
import { graphql } from "./service.mjs";

const audits = serverAudits({ url: graphql, fetchFn: fetch });

describe("the audits of graphql-http", () => {
  test("are 61", () => assert.equal(audits.length, 61));

  for (const { id, name, fn } of audits) {
    test(`${id} ${name}`, async () => {
      const result = await fn();
      assert.equal(result.status, "ok", await reasonOf(result));
    });
  }
});

async function reasonOf({ reason, response }) {
  if (!response) return reason;
  const body = response.bodyUsed ? "" : await response.text();
  return `${reason}: ${response.status} ${response.headers.get("content-type")} ${body}`;
}
