// The side panel "Ready-made operations".
import { useEffect, useState } from "react";
import { useOpenOperation } from "./open.js";
import { readOperations } from "./operations.js";

const SOURCE = "/graphql/explorer/operations.graphql";

async function load() {
  const response = await window.fetch(SOURCE, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`${SOURCE}: ${response.status}`);
  return readOperations(await response.text());
}

function Panel() {
  const [state, setState] = useState({ operations: [], failure: null });
  const open = useOpenOperation();

  useEffect(() => {
    load().then(
      (operations) => setState({ operations, failure: null }),
      (failure) => setState({ operations: [], failure: String(failure) }),
    );
  }, []);

  return (
    <section className="ready-made" aria-label="Ready-made operations">
      <h2>Ready-made operations</h2>
      {state.failure && <p role="alert">{state.failure}</p>}
      <ul>
        {state.operations.map((operation) => (
          <li key={operation.name}>
            <button type="button" onClick={() => open({ ...operation, operationName: operation.name })}>
              <span className="ready-made-name">{operation.name}</span>
              <span className={`ready-made-type ready-made-${operation.type}`}>{operation.type}</span>
              <span className="ready-made-about">{operation.about}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Icon() {
  return (
    <svg height="1em" viewBox="0 0 14 14" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M1 2.5h1M1 7h1M1 11.5h1M5 2.5h8M5 7h8M5 11.5h8" strokeLinecap="round" />
    </svg>
  );
}

/** The GraphiQL plugin. */
export const readyMadePlugin = { title: "Ready-made operations", icon: Icon, content: Panel };
