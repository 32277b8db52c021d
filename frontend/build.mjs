// Bundles the sources into one classic script, its style sheet and the licenses of what is inside.
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "out");

const shared = {
  absWorkingDir: here,
  bundle: true,
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
  minify: true,
  target: ["chrome123", "firefox125", "safari17.5"],
};

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
// Each page loads one of them.
const scripts = {
  "crowd-html-elements": "src/index.ts",
  "crowd-html-elements-frames": "src/frames/index.ts",
  "crowd-html-elements-clouds": "src/clouds/index.ts",
};
// The files that contribute to anything that is built.
const inputs = new Set();
for (const [name, entry] of Object.entries(scripts)) await bundled(name, entry);
await made({ entryPoints: ["src/page.css"], outfile: join(out, "crowd-html-elements.css") });
await made({ entryPoints: ["src/portal/index.ts"], format: "iife", outfile: join(out, "portal.js") });
await made({ entryPoints: ["src/portal/portal.css"], outfile: join(out, "portal.css") });
await writeFile(join(out, "crowd-html-elements.licenses.txt"), await licenses(inputs));

/** Build, and remember what contributes to it. @returns esbuild's result, with the paths of these files */
async function made(options) {
  const result = await build({ ...shared, ...options });
  const paths = Object.values(result.metafile.outputs).flatMap((output) => Object.keys(output.inputs));
  for (const path of paths) inputs.add(path);
  return { ...result, paths };
}

/** Bundle a script, with only those words that its sources name. */
async function bundled(name, entry) {
  const make = (messages, write) =>
    made({
      entryPoints: { [name]: entry },
      format: "iife",
      loader: { ".css": "text" },
      charset: "utf8",
      outdir: out,
      write,
      plugins: [
        { name: "css", setup: minifiedStyles },
        { name: "messages", setup: (plugin) => given(plugin, messages) },
      ],
    });
  const { paths } = await make({}, false);
  const sources = paths.filter((path) => path.startsWith("src/") && path.endsWith(".ts"));
  const texts = await Promise.all(sources.map((path) => readFile(join(here, path), "utf8")));
  await make(await messagesOf(texts.join("\n")), true);
}

/** Style sheets that the script carries as text are minified as well. */
function minifiedStyles(plugin) {
  plugin.onLoad({ filter: /\.css$/ }, async ({ path }) => {
    const { outputFiles } = await made({ entryPoints: [path], write: false });
    return { contents: outputFiles[0].text.trim(), loader: "text" };
  });
}

/** The words that the sources name, by language; each language is a file of `messages/`. */
async function messagesOf(sources) {
  const languages = {};
  for (const file of (await readdir(join(here, "messages"))).sort()) {
    const words = Object.entries(JSON.parse(await readFile(join(here, "messages", file), "utf8")));
    languages[file.replace(/\.json$/, "")] = Object.fromEntries(words.filter(([key]) => sources.includes(`"${key}"`)));
  }
  return languages;
}

/** The messages as one module. */
function given(plugin, messages) {
  plugin.onResolve({ filter: /^labeling:messages$/ }, () => ({ path: "messages", namespace: "messages" }));
  plugin.onLoad({ filter: /.*/, namespace: "messages" }, () => ({
    contents: JSON.stringify(messages),
    loader: "json",
  }));
}

/** The license of each package that contributes to the bundle. */
async function licenses(inputs) {
  const names = new Set();
  for (const path of inputs) {
    const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
    if (inPackage) names.add(inPackage[1]);
  }
  const texts = [];
  for (const name of [...names].sort()) {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const file = (await readdir(folder)).find((name) => /^licen[cs]e/i.test(name));
    if (!file) throw new Error(`${name} has no license file`);
    texts.push(`${name} ${version} (${license})\n\n${(await readFile(join(folder, file), "utf8")).trim()}\n`);
  }
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}
