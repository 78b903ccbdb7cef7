// Gathers the licence of every package of which the bundle holds code.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The packages behind a bundle: name, version, licence and its text, sorted by name. */
export async function bundledPackages(metafile, root) {
  const folders = new Set();
  for (const output of Object.values(metafile.outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input);
      // A stylesheet is named in the script as an input of no bytes, and again where its bytes are.
      if (folder && bytesInOutput > 0) folders.add(folder[0]);
    }
  }
  const packages = await Promise.all([...folders].map((folder) => readPackage(join(root, folder))));
  return packages.sort((a, b) => (a.title < b.title ? -1 : 1));
}

async function readPackage(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const file = (await readdir(folder)).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  const text = file ? (await readFile(join(folder, file), "utf8")).replaceAll("\r\n", "\n").trim() : "";
  return { title: `${name} ${version} (${license})`, text };
}

/** One text: packages that share a licence to the letter stand together above it. */
export async function licensesText(packages) {
  const byText = new Map();
  for (const { title, text } of packages) {
    const body = text || "(The package ships no licence text of its own; its licence is the one named.)";
    byText.set(body, [...(byText.get(body) ?? []), title]);
  }
  const rule = "-".repeat(80);
  const parts = [...byText].map(([body, titles]) => `${titles.join("\n")}\n\n${body}\n`);
  return `explorer.js and explorer.css hold code of these packages.\n\n${rule}\n${parts.join(`\n${rule}\n`)}`;
}
