import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunningPostgres } from "../../../packages/cli/src/database/start-postgres.ts";

// Past Vite's module runner, which lacks import.meta.resolve.
const require = createRequire(import.meta.url);
const { startPostgres } =
  require("../../../packages/cli/src/database/start-postgres.ts") as typeof import("../../../packages/cli/src/database/start-postgres.ts");
const { prepareServer } =
  require("../../../scripts/databases/prepare-server.ts") as typeof import("../../../scripts/databases/prepare-server.ts");
const { readSupabase } =
  require("../../../scripts/run-supabase.ts") as typeof import("../../../scripts/run-supabase.ts");

/** A migrated Postgres 17 that keeps what it acknowledged, and can be killed. */
export interface CrashingServer {
  url: string;
  /** Kills every process of it at once, as a power failure would, and starts it again. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

export async function startCrashingServer(): Promise<CrashingServer> {
  const directory = await mkdtemp(join(tmpdir(), "tallybase-crash-"));
  // Started by root, the server runs as a user that has to get in.
  await chmod(directory, 0o755);
  const dataDir = join(directory, "data");
  let server: RunningPostgres = await startPostgres({ dataDir });
  const { url, adminUrl, port } = server;
  await prepareServer({ name: "Postgres 17", url, adminUrl, stop: server.stop });
  await readSupabase(url, ["db", "push", "--yes"]);
  return {
    url,
    crash: async () => {
      for (const pid of [server.pid, ...findChildren(server.pid)]) process.kill(pid, "SIGKILL");
      await server.exited;
      server = await startPostgres({ dataDir, port });
    },
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function findChildren(parent: number): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      // pid (name) state ppid …
      const ppid = readFileSync(`/proc/${name}/stat`, "utf8").split(") ").at(-1)?.split(" ")[1];
      return Number(ppid) === parent ? [Number(name)] : [];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}
