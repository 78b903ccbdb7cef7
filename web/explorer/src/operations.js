// Reads operations.graphql: each named operation, with the comment above it.
import { Kind, parse, TokenKind } from "graphql";

/** `[{ name, type, about, query, variables }]` of a document, in its order. */
export function readOperations(source) {
  return parse(source)
    .definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION && node.name)
    .map((node) => ({
      name: node.name.value,
      type: node.operation,
      query: `${source.slice(node.loc.start, node.loc.end)}\n`,
      ...readComment(commentAbove(node.loc.startToken)),
    }));
}

/** The comment lines that touch a token from above, without their number signs. */
function commentAbove(token) {
  const lines = [];
  let line = token.line;
  for (let at = token.prev; at?.kind === TokenKind.COMMENT && at.line === line - 1; at = at.prev) {
    lines.unshift(at.value.replace(/^ /, ""));
    line = at.line;
  }
  return lines;
}

/** Words up to a line `variables: {…`; from there to the end of the comment, JSON. */
function readComment(lines) {
  const start = lines.findIndex((line) => line.startsWith("variables:"));
  if (start < 0) return { about: lines.join(" "), variables: "" };
  const json = lines.slice(start).join("\n").replace("variables:", "");
  return { about: lines.slice(0, start).join(" "), variables: prettyJson(json) };
}

/** JSON laid out for reading; text that is no JSON stays as it is, for the editor to mark. */
export function prettyJson(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
