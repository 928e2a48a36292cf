import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { rolldown } from "rolldown";

const repository = resolve(import.meta.dirname, "../../..");

/**
 * Builds a package as it is published, complete in a directory of its own: `npm publish dist`. In the
 * repository itself everything runs from the sources, which reach beyond their package.
 *
 * @param options - `external`: names of packages that are not part of it. `banner`: the first line.
 */
export async function buildPackage(
  packageDir: string,
  outDir: string,
  { external = [], banner = "" }: { external?: readonly string[]; banner?: string } = {},
): Promise<void> {
  await rm(outDir, { recursive: true, force: true });
  const build = await rolldown({
    input: { index: join(packageDir, "src/index.ts") },
    tsconfig: join(packageDir, "tsconfig.json"),
    platform: "neutral",
    external: (id) => external.includes(id),
  });
  await build.write({ format: "esm", chunkFileNames: "[name].js", dir: outDir, banner });
  await build.close();
  await declare(packageDir, outDir);
  await describe(packageDir, outDir);
}

/** Emits declarations for everything and keeps those that the public ones lead to. */
async function declare(packageDir: string, outDir: string): Promise<void> {
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
async function describe(packageDir: string, outDir: string): Promise<void> {
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
