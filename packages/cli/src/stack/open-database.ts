import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CliError } from "../cli-error.ts";
import { endOrphan, placeData, startPostgres } from "../database/start-postgres.ts";

/** The database of a stack. */
export interface Database {
  url: string;
  /** In words, for the person who starts it. */
  label: string;
  /** Ours to fill with demo data and to bring up to date without asking. */
  isOwn: boolean;
  /** Resolves when it has ended without being asked to; never, when it is not ours. */
  exited: Promise<void>;
  stop(): Promise<void>;
}

/** A Postgres that somebody else runs. */
export function useDatabase(url: string): Database {
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) {
    throw new CliError(
      "DATABASE_URL is not the URL of a Postgres database.",
      "It looks like postgresql://user:password@host:5432/database; leave it out to use the embedded one.",
    );
  }
  return {
    url,
    label: `Postgres at ${new URL(url).host}`,
    isOwn: false,
    exited: new Promise(() => undefined),
    stop: async () => undefined,
  };
}

/** Starts the embedded Postgres of a state directory. */
export async function openEmbedded(
  stateDir: string,
  port: number,
  logsDir: string,
): Promise<Database> {
  const server = await startPostgres({
    dataDir: embeddedDataDir(stateDir),
    port,
    logFile: join(logsDir, "postgres.log"),
  });
  return { ...server, label: `Postgres 17 on port ${port}`, isOwn: true };
}

/** Ends the server that a killed run left behind; returns its process id, or null. */
export function endEmbeddedOrphan(stateDir: string): Promise<number | null> {
  return endOrphan(embeddedDataDir(stateDir));
}

/** Deletes all data of the embedded database. */
export async function deleteEmbedded(stateDir: string): Promise<void> {
  const dataDir = await placeData(embeddedDataDir(stateDir));
  await rm(dataDir, { recursive: true, force: true });
  if (!dataDir.startsWith(stateDir)) await rm(dirname(dataDir), { recursive: true, force: true });
}

function embeddedDataDir(stateDir: string): string {
  return join(stateDir, "postgres", "data");
}
