// Where the explorer remembers things. Variables may hold passwords and one-time tokens, so whatever a
// person types lives no longer than the browser tab; only the look of the page outlives it.
const LOOKS = /^graphiql:(theme|\w*Flex|visiblePlugin)$/;
const PLUGIN = "graphiql:visiblePlugin";
const PANEL_SIZE = "graphiql:docExplorerFlex";
const HIDDEN = "-";

const areaOf = (key) => (LOOKS.test(key) ? window.localStorage : window.sessionStorage);
const areas = () => [window.localStorage, window.sessionStorage];
const ownKeys = (area) => Object.keys(area).filter((key) => key.startsWith("graphiql:"));

/** A `Storage` for GraphiQL, over both of the browser's. */
export const explorerStorage = {
  getItem: (key) => areaOf(key).getItem(key),
  setItem: (key, value) => areaOf(key).setItem(key, value),
  removeItem: (key) => areaOf(key).removeItem(key),
  get length() {
    return areas().reduce((sum, area) => sum + ownKeys(area).length, 0);
  },
  clear() {
    for (const area of areas()) for (const key of ownKeys(area)) area.removeItem(key);
  },
};

/** Notes which side panel is open. */
export function rememberPlugin(plugin) {
  explorerStorage.setItem(PLUGIN, plugin?.title ?? HIDDEN);
  // GraphiQL notes that a panel was dragged shut, but not that a click opened it again.
  if (plugin && explorerStorage.getItem(PANEL_SIZE) === "hide-first") explorerStorage.removeItem(PANEL_SIZE);
}

/** The title of the side panel to open with: the last one, or `fallback` on the first visit. */
export function rememberedPlugin(fallback) {
  const title = explorerStorage.getItem(PLUGIN) ?? fallback;
  return title === HIDDEN ? undefined : title;
}
