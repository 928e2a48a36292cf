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

/** One file of the built package. */
export interface BuiltFile {
  name: string;
  /** Loaded by everyone, or only by those who wrap a call. */
  isCore: boolean;
  /** Bytes after minification and gzip: what a browser downloads. */
  gzipBytes: number;
}

/**
 * Builds the package that is published, complete in a directory of its own: `npm publish dist`. In the
 * repository itself everything runs from the sources, which reach beyond this package.
 *
 * The JavaScript is in two parts: the core, and the readers of providers' answers, loaded on first use.
 */
export async function buildClient(outDir: string): Promise<BuiltFile[]> {
  await rm(outDir, { recursive: true, force: true });
  await bundle(outDir, false);
  await declare(outDir);
  await describe(outDir);
  const minified = await bundle(null, true);
  return minified.map(({ fileName, code, isDynamicEntry }) => ({
    name: fileName,
    isCore: !isDynamicEntry,
    gzipBytes: gzipSync(code, { level: 9 }).length,
  }));
}

async function bundle(outDir: string | null, minify: boolean): Promise<OutputChunk[]> {
  const build = await rolldown({
    input: { index: join(packageDir, "src/index.ts") },
    tsconfig: join(packageDir, "tsconfig.json"),
    platform: "neutral",
    external: () => false,
  });
  const options = { format: "esm", chunkFileNames: "[name].js", minify } as const;
  const { output } = outDir
    ? await build.write({ ...options, dir: outDir })
    : await build.generate(options);
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
  for (const file of await buildClient(join(packageDir, "dist"))) {
    console.log(`${file.name}  ${(file.gzipBytes / 1000).toFixed(1)} kB gzip`);
  }
}
