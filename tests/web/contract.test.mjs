// The contract that schema.graphql is: whole, described, and the one that is served.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  buildClientSchema,
  buildSchema,
  getIntrospectionQuery,
  isSpecifiedDirective,
  Kind,
  lexicographicSortSchema,
  parse,
  printSchema,
  validateSchema,
  visit,
} from "graphql";
import { ask, repositoryFile } from "./service.mjs";

const DESCRIBED = new Set([
  Kind.OBJECT_TYPE_DEFINITION,
  Kind.INTERFACE_TYPE_DEFINITION,
  Kind.UNION_TYPE_DEFINITION,
  Kind.ENUM_TYPE_DEFINITION,
  Kind.INPUT_OBJECT_TYPE_DEFINITION,
  Kind.SCALAR_TYPE_DEFINITION,
  Kind.DIRECTIVE_DEFINITION,
  Kind.FIELD_DEFINITION,
  Kind.INPUT_VALUE_DEFINITION,
  Kind.ENUM_VALUE_DEFINITION,
]);

const text = await repositoryFile("schema.graphql");
const definitions = definitionsOf(parse(text));

describe("schema.graphql", () => {
  test("is a schema", () => {
    const errors = validateSchema(buildSchema(text));
    assert.deepEqual(errors.map(String), []);
  });

  test("describes every type, field, argument, enum value, input field and directive", () => {
    // async-graphql writes no description of a directive's argument; the directive's own says what it is.
    const ofDirective = new Set(["impersonatable.needs", "listSize.assumedSize"]);
    const bare = definitions.filter(({ node, path }) => !node.description?.value.trim() && !ofDirective.has(path));
    assert.deepEqual(bare.map(({ path }) => path), []);
  });

  test("says where every custom scalar is specified", () => {
    const scalars = definitions.filter(({ node }) => node.kind === Kind.SCALAR_TYPE_DEFINITION);
    const unspecified = scalars.filter(({ node }) => !node.directives.some(({ name }) => name.value === "specifiedBy"));
    assert.ok(scalars.length > 0);
    assert.deepEqual(unspecified.map(({ path }) => path), []);
  });

  test("is what introspection answers", async () => {
    const query = getIntrospectionQuery({
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      inputValueDeprecation: true,
      oneOf: true,
    });
    const served = buildClientSchema(await ask(query));
    assert.equal(printed(served), printed(buildSchema(text)));
  });
});

/** Whatever has a name of its own, with its path, such as `Query.node.id`; without the specification's directives. */
function definitionsOf(document) {
  const path = [];
  const found = [];
  visit(document, {
    enter(node) {
      if (!DESCRIBED.has(node.kind)) return undefined;
      if (node.kind === Kind.DIRECTIVE_DEFINITION && isSpecifiedDirective({ name: node.name.value })) return false;
      path.push(node.name.value);
      found.push({ node, path: path.join(".") });
      return undefined;
    },
    leave(node) {
      if (DESCRIBED.has(node.kind)) path.pop();
    },
  });
  return found;
}

const printed = (schema) => printSchema(lexicographicSortSchema(schema));
