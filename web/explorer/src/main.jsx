// The explorer: GraphiQL on this origin's /graphql, with the ready-made operations at its side.
import { DOC_EXPLORER_PLUGIN, DocExplorerContextProvider } from "@graphiql/plugin-doc-explorer";
import { HISTORY_PLUGIN, HistoryContextProvider } from "@graphiql/plugin-history";
import { usePluginStore } from "@graphiql/react";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL, GraphiQLInterface, GraphiQLProvider } from "graphiql";
import "graphiql/style.css";
import { createClient } from "graphql-ws";
import { useState } from "react";
import { createRoot } from "react-dom/client";
import "./explorer.css";
import { FromHash } from "./from-hash.jsx";
import { readyMadePlugin } from "./ready-made.jsx";
import { explorerStorage, rememberPlugin, rememberedPlugin } from "./storage.js";

const WELCOME = `# Pick a ready-made operation at
# the side, or write your own.
#
# Ctrl-Enter runs it.
# Ctrl-Space completes it.
#
# Most operations want a session:
# "SignIn" sets a cookie. Or put a
# token into the Headers pane:
# { "Authorization": "Bearer …" }
`;

const subscriptions = new URL("/graphql", window.location.href);
subscriptions.protocol = subscriptions.protocol === "https:" ? "wss:" : "ws:";

const options = {
  url: "/graphql",
  headers: { Accept: "application/graphql-response+json, application/json;q=0.9" },
  enableIncrementalDelivery: false,
  fetch: (url, init) => window.fetch(url, { ...init, credentials: "same-origin" }),
};

// Each subscription has a socket of its own, opened when it runs; what the Headers pane has travels along. It is not
// opened again: that it was closed, and why, is what one wants to see here.
function fetcher(operation, { headers, ...others } = {}) {
  const wsClient = createClient({ url: subscriptions.href, connectionParams: headers, retryAttempts: 0 });
  return createGraphiQLFetcher({ ...options, wsClient })(operation, { headers, ...others });
}

// Both stay the same objects: GraphiQL resets the visible plugin whenever they change.
const plugins = [DOC_EXPLORER_PLUGIN, HISTORY_PLUGIN, readyMadePlugin];
const shownAtFirst = rememberedPlugin(readyMadePlugin.title);

// `<GraphiQL>` lays out its panes before it hears of `visiblePlugin`, and keeps the side panel shut. Taken
// apart into provider and interface, the interface can wait.
function Interface() {
  const { visiblePlugin } = usePluginStore();
  const [shown, setShown] = useState(!shownAtFirst);
  if (!shown && visiblePlugin) setShown(true);
  if (!shown) return null;
  return (
    <GraphiQLInterface defaultEditorToolsVisibility="variables" showPersistHeadersSettings={false}>
      <GraphiQL.Logo>locum</GraphiQL.Logo>
      <FromHash welcome={WELCOME} />
    </GraphiQLInterface>
  );
}

createRoot(document.getElementById("explorer")).render(
  <GraphiQLProvider
    fetcher={fetcher}
    storage={explorerStorage}
    shouldPersistHeaders={false}
    defaultQuery={WELCOME}
    inputValueDeprecation
    plugins={plugins}
    referencePlugin={DOC_EXPLORER_PLUGIN}
    visiblePlugin={shownAtFirst}
    onTogglePluginVisibility={rememberPlugin}
  >
    <HistoryContextProvider>
      <DocExplorerContextProvider>
        <Interface />
      </DocExplorerContextProvider>
    </HistoryContextProvider>
  </GraphiQLProvider>,
);
