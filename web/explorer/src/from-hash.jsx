// Opens what the address asks for: `#query=…&variables=…&operationName=…`, each URL-encoded. A hash, since
// browsers keep it to themselves: a token in a mailed link reaches no server's log. Nothing runs by itself.
import { useEditorContext } from "@graphiql/react";
import { useEffect, useEffectEvent } from "react";
import { useOpenOperation } from "./open.js";
import { prettyJson } from "./operations.js";

/** Reads the hash and takes it out of the address and the history, for it may hold a token. */
function takeHash() {
  const asked = new URLSearchParams(window.location.hash.slice(1));
  const query = asked.get("query");
  if (!query) return null;
  window.history.replaceState(window.history.state, "", window.location.pathname + window.location.search);
  const variables = asked.get("variables") ?? "";
  return { query, variables: prettyJson(variables), operationName: asked.get("operationName") };
}

/** Shows nothing; opens a tab per hash, at the start and whenever the hash changes. */
export function FromHash({ welcome }) {
  const { queryEditor, variableEditor, headerEditor } = useEditorContext({ nonNull: true });
  const ready = Boolean(queryEditor && variableEditor && headerEditor);
  const open = useOpenOperation();

  const follow = useEffectEvent(() => {
    const asked = takeHash();
    if (!asked) return;
    const untouched = ["", welcome.trim()].includes(queryEditor.getValue().trim());
    open(asked, { reuse: untouched });
  });

  useEffect(() => {
    if (!ready) return undefined;
    // Not within the effect: opening flushes React's work, which it refuses there.
    const first = setTimeout(() => follow());
    const later = () => follow();
    window.addEventListener("hashchange", later);
    return () => {
      clearTimeout(first);
      window.removeEventListener("hashchange", later);
    };
  }, [ready]);

  return null;
}
