import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { type OutputChunk, rolldown } from "rolldown";

const packageDir = resolve(import.meta.dirname, "..");
const repository = resolve(packageDir, "../..");

/** What a page downloads for a use of the package: bytes after tree-shaking, minification and gzip. */
export interface Download {
  /** What is imported, or the file that is loaded later. */
  name: string;
  gzipBytes: number;
  /** Loaded with the page, not on first use. */
  isInitial: boolean;
}

/** What is measured: the core, what adds to it, and everything at once. */
const uses = {
  core: "createTallybase",
  "with meterOpenAI": "createTallybase, meterOpenAI",
  "with the AI SDK middleware": "createTallybase, tallybaseMiddleware",
  "with resources": "createTallybase, resources",
  everything: "*",
};

/**
 * Builds the package that is published, complete in a directory of its own: `npm publish dist`. In the
 * repository itself everything runs from the sources, which reach beyond this package.
 *
 * The JavaScript is in parts: what is imported, the readers of providers' answers and the gateway's
 * chats, both loaded on first use.
 */
export async function buildClient(outDir: string): Promise<void> {
  await rm(outDir, { recursive: true, force: true });
  const build = await rolldown({
    input: { index: join(packageDir, "src/index.ts") },
    tsconfig: join(packageDir, "tsconfig.json"),
    platform: "neutral",
    external: () => false,
  });
  await build.write({ format: "esm", chunkFileNames: "[name].js", dir: outDir });
  await build.close();
  await declare(outDir);
  await describe(outDir);
}

/** Bundles each use of the built package as an application would, and weighs what comes out. */
export async function measureDownloads(builtDir: string): Promise<Download[]> {
  const downloads = new Map<string, Download>();
  for (const [name, imported] of Object.entries(uses)) {
    for (const { fileName, code, isDynamicEntry } of await bundleUse(builtDir, imported)) {
      const isInitial = !isDynamicEntry;
      const gzipBytes = gzipSync(code, { level: 9 }).length;
      const known = downloads.get(isInitial ? name : fileName);
      // Code that two parts share is in a file of its own, and loaded with the page.
      const before = isInitial ? (known?.gzipBytes ?? 0) : 0;
      downloads.set(isInitial ? name : fileName, {
        name: isInitial ? name : fileName,
        gzipBytes: before + gzipBytes,
        isInitial,
      });
    }
  }
  return [...downloads.values()];
}

async function bundleUse(builtDir: string, imported: string): Promise<OutputChunk[]> {
  const names = imported === "*" ? "*" : `{ ${imported} }`;
  const source = `export ${names} from ${JSON.stringify(join(builtDir, "index.js"))};`;
  const entry = "entry";
  const build = await rolldown({
    input: entry,
    platform: "neutral",
    plugins: [
      {
        name: "use",
        resolveId: (id) => (id === entry ? entry : null),
        load: (id) => (id === entry ? source : null),
      },
    ],
  });
  const { output } = await build.generate({
    format: "esm",
    chunkFileNames: "[name].js",
    minify: true,
  });
  await build.close();
  return output.filter((file) => file.type === "chunk");
}

/** Emits declarations for everything and keeps those that the public ones lead to. */
async function declare(outDir: string): Promise<void> {
  const temporary = await mkdtemp(join(tmpdir(), "tallybase-types-"));
  try {
    const tsc = join(repository, "node_modules/.bin/tsc");
    const options = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly"];
    const places = ["--rootDir", repository, "--outDir", temporary];
    const rewrite = ["--rewriteRelativeImportExtensions"];
    await promisify(execFile)(tsc, ["-p", packageDir, ...options, ...places, ...rewrite]);
    await keepReachable(join(temporary, relative(repository, packageDir), "src"), outDir);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function keepReachable(from: string, to: string): Promise<void> {
  const found = new Set(["index"]);
  for (const name of found) {
    const text = await readFile(join(from, `${name}.d.ts`), "utf8");
    // The sources import each other as .ts, which a consumer's compiler looks for in vain.
    const linked = text.replaceAll(/((?:from|import\() ?")([^"]+)\.ts"/g, (_, start, path) => {
      if (dirname(path) !== ".") throw new Error(`${name} exposes a type outside src: ${path}`);
      found.add(basename(path));
      return `${start}${path}.js"`;
    });
    await writeFile(join(to, `${name}.d.ts`), linked);
  }
}

/** Writes the manifest of the published package, and what belongs beside it. */
async function describe(outDir: string): Promise<void> {
  const manifest = JSON.parse(await readFile(join(packageDir, "package.json"), "utf8"));
  const { private: _private, scripts: _scripts, devDependencies: _tools, ...published } = manifest;
  published.exports = {
    ".": { types: "./index.d.ts", default: "./index.js" },
    "./package.json": "./package.json",
  };
  await writeFile(join(outDir, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
  await copyFile(join(packageDir, "README.md"), join(outDir, "README.md"));
  await copyFile(join(repository, "LICENSE"), join(outDir, "LICENSE"));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const outDir = join(packageDir, "dist");
  await buildClient(outDir);
  for (const { name, gzipBytes, isInitial } of await measureDownloads(outDir)) {
    console.log(`${name}: ${gzipBytes} bytes gzip${isInitial ? "" : ", on first use"}`);
  }
}
