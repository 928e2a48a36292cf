import { readSupabase } from "../run-supabase.ts";
import { prepareServer } from "./prepare-server.ts";
import { startDebian } from "./start-debian.ts";
import { startEmbedded } from "./start-embedded.ts";
import type { TestServer } from "./test-server.ts";

const STARTERS = { 17: startEmbedded, 15: startDebian };

/** The versions of Postgres that everything is tested on. */
export type PostgresVersion = keyof typeof STARTERS;
export const VERSIONS: readonly PostgresVersion[] = [17, 15];

/** Starts a server of that version and applies the migrations the way a project does. */
export async function openDatabase(version: PostgresVersion): Promise<TestServer> {
  const server = await STARTERS[version]();
  try {
    await prepareServer(server);
    await readSupabase(server.url, ["db", "push", "--yes"]);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** Runs `work` on a migrated database, which is gone afterwards. */
export async function useDatabase<T>(
  version: PostgresVersion,
  work: (server: TestServer) => Promise<T>,
): Promise<T> {
  const server = await openDatabase(version);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}
