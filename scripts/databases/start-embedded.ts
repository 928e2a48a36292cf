import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "../../packages/cli/src/database/start-postgres.ts";
import type { TestServer } from "./test-server.ts";

/** Starts the Postgres 17 of the local stack, on data of its own. */
export async function startEmbedded(): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), "tallybase-postgres-17-"));
  // Started by root, the server runs as a user that has to get in.
  await chmod(directory, 0o755);
  const server = await startPostgres({ dataDir: join(directory, "data"), isEphemeral: true });
  return {
    name: "Postgres 17 (embedded)",
    url: server.url,
    adminUrl: server.adminUrl,
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
