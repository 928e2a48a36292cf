import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, preview } from "vite";

/** A page that is served. */
export interface ServedPage {
  url: string;
  close(): Promise<void>;
}

/**
 * Builds the page as an application would be built, and serves it on this machine alone, with the
 * project behind the same origin.
 *
 * @param proxy - Where the project's paths are: its tables and functions, and its edge functions.
 */
export async function servePage(proxy: {
  "/rest": string;
  "/functions": string;
}): Promise<ServedPage> {
  const outDir = await mkdtemp(join(tmpdir(), "tallybase-page-"));
  const common = {
    root: join(import.meta.dirname, "app"),
    configFile: false,
    logLevel: "error",
  } as const;
  await build({ ...common, build: { outDir, emptyOutDir: true } });
  const server = await preview({
    ...common,
    // Tests break the connections behind it on purpose.
    logLevel: "silent",
    build: { outDir },
    preview: {
      host: "127.0.0.1",
      port: 0,
      proxy,
    },
  });
  const [url = ""] = server.resolvedUrls?.local ?? [];
  return {
    url,
    async close() {
      await server.close();
      await rm(outDir, { recursive: true, force: true });
    },
  };
}
