// Opens an operation in a tab.
import { useEditorContext } from "@graphiql/react";
import { parse } from "graphql";
import { flushSync } from "react-dom";

/**
 * A function `({ query, variables, operationName }, { reuse })`. With `reuse` it fills the current tab
 * instead of a new one. A new tab takes over the current headers, or a token would be typed once a tab.
 */
export function useOpenOperation() {
  const editors = useEditorContext({ nonNull: true });
  const { queryEditor, variableEditor, headerEditor, addTab, updateActiveTabValues } = editors;

  return ({ query, variables = "", operationName = null }, { reuse = false } = {}) => {
    const headers = headerEditor?.getValue() ?? "";
    if (!reuse) flushSync(addTab); // the editors change hands now, not after what follows
    queryEditor?.setValue(query);
    variableEditor?.setValue(variables);
    headerEditor?.setValue(headers);
    // GraphiQL takes note of a change 100 ms later: until then it would send the former operation's name along, and
    // the way that one went.
    if (queryEditor) Object.assign(queryEditor, { operationName, documentAST: documentOf(query) });
    if (operationName) selectOperation(queryEditor, operationName);
    updateActiveTabValues({ query, variables, headers, operationName });
    document.querySelector(".graphiql-tab-active")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    queryEditor?.focus();
  };
}

/** Null if it cannot be read; the service says why, once it is run. */
function documentOf(query) {
  try {
    return parse(query);
  } catch {
    return null;
  }
}

/** Of several operations, GraphiQL runs the one it is told, and on Ctrl-Enter the one under the cursor. */
function selectOperation(queryEditor, name) {
  if (!queryEditor) return;
  const start = /\b(?:query|mutation|subscription)\s+(\w+)/;
  const line = queryEditor.getValue().split("\n").findIndex((text) => start.exec(text)?.[1] === name);
  if (line >= 0) queryEditor.setCursor(line, 0);
}
