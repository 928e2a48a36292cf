import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { type OutputChunk, rolldown } from "rolldown";
import { buildPackage } from "./build-package.ts";

const packageDir = resolve(import.meta.dirname, "..");

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
 * Builds the package. The JavaScript is in parts: what is imported, what meters a call, the readers of
 * providers' answers, and the gateway's chats; all but the first are loaded on first use.
 */
export function buildClient(outDir: string): Promise<void> {
  return buildPackage(packageDir, outDir);
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const outDir = join(packageDir, "dist");
  await buildClient(outDir);
  for (const { name, gzipBytes, isInitial } of await measureDownloads(outDir)) {
    console.log(`${name}: ${gzipBytes} bytes gzip${isInitial ? "" : ", on first use"}`);
  }
}
