// Bundles the explorer into assets/explorer/. No source maps, nothing split off: the binary carries every byte.
import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { bundledPackages, licensesText } from "./licenses.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = here("../../assets/explorer/");

// GraphiQL's stylesheet carries 700 kB of web fonts; the page uses the system's.
const withoutFonts = {
  name: "without-fonts",
  setup({ onLoad }) {
    onLoad({ filter: /graphiql[\\/]dist[\\/]style\.css$/ }, async ({ path }) => {
      const css = await readFile(path, "utf8");
      return { contents: css.replaceAll(/@font-face\s*\{[^}]*\}/g, ""), loader: "css" };
    });
  },
};

const { metafile } = await build({
  absWorkingDir: here("."),
  entryPoints: { explorer: "src/main.jsx" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  jsx: "automatic",
  legalComments: "none", // LICENSES.txt has them all
  define: { "process.env.NODE_ENV": '"production"' },
  // The original injects <style> elements, which a strict style-src refuses.
  alias: { "react-style-singleton": here("src/style-singleton.js") },
  plugins: [withoutFonts],
  metafile: true,
  logLevel: "info",
});

await writeFile(`${out}LICENSES.txt`, await licensesText(await bundledPackages(metafile, here("."))));
