import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  canReach,
  findRunUser,
  type RunUser,
} from "../../packages/cli/src/database/find-run-user.ts";
import { readPostmaster } from "../../packages/cli/src/database/postmaster-file.ts";
import { findFreePort } from "../../packages/cli/src/processes/find-port.ts";
import { ensureDebianPackages, POSTGRES_15 } from "./ensure-debian-packages.ts";
import { executeSql } from "./execute-sql.ts";
import type { TestServer } from "./test-server.ts";

const START_TIMEOUT_MS = 30_000;
const PASSWORD = "postgres";

/**
 * Starts Debian's Postgres 15, on data of its own, with what the embedded server lacks: pg_cron and
 * plpgsql_check.
 */
export async function startDebian(): Promise<TestServer> {
  await ensureDebianPackages();
  const user = findRunUser();
  const directory = await makeDirectory(user);
  const dataDir = join(directory, "data");
  const logFile = join(directory, "log");
  await initialise(dataDir, directory, user);
  const port = await findFreePort();
  const child = runAs(user, "postgres", ["-D", dataDir, ...settings(port, logFile)]);
  const url = (role: string) => `postgresql://${role}:${PASSWORD}@127.0.0.1:${port}/postgres`;
  const stop = async () => {
    if (child.exitCode === null) {
      child.kill("SIGINT");
      await once(child, "close");
    }
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await waitUntilReady(child, dataDir, logFile);
    await addHostedParts(url("supabase_admin"));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name: "Postgres 15 (Debian)",
    url: url("postgres"),
    adminUrl: url("supabase_admin"),
    stop,
  };
}

async function makeDirectory(user: RunUser | null): Promise<string> {
  const parent = canReach(tmpdir(), user) ? tmpdir() : "/tmp";
  const directory = await mkdtemp(join(parent, "tallybase-postgres-15-"));
  if (user) await chown(directory, user.uid, user.gid);
  return directory;
}

async function initialise(dataDir: string, directory: string, user: RunUser | null): Promise<void> {
  await mkdir(dataDir, { mode: 0o700 });
  const passwordFile = join(directory, "password");
  await writeFile(passwordFile, PASSWORD);
  if (user) {
    await chown(dataDir, user.uid, user.gid);
    await chown(passwordFile, user.uid, user.gid);
  }
  const child = runAs(user, "initdb", [
    `--pgdata=${dataDir}`,
    "--username=supabase_admin",
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--no-sync",
    "--no-instructions",
  ]);
  let output = "";
  child.stdout?.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`initdb failed (exit code ${code}):\n${output}`);
}

/** As on a hosted project, `postgres` owns the database and is no superuser, and pg_cron is there. */
function addHostedParts(adminUrl: string): Promise<void> {
  return executeSql(
    adminUrl,
    `create role postgres login createdb createrole replication bypassrls password '${PASSWORD}';
     grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres with admin option;
     alter database postgres owner to postgres;
     create extension pg_cron;
     grant usage on schema cron to postgres;`,
  );
}

function settings(port: number, logFile: string): string[] {
  const values = [
    "max_connections=250",
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "timezone=UTC",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "shared_preload_libraries=pg_cron",
    "cron.database_name=postgres",
    // Jobs are scheduled, but reach no server: a tick amid a test would move its numbers.
    "cron.host=/nowhere",
    "logging_collector=on",
    `log_directory=${join(logFile, "..")}`,
    "log_filename=log",
  ];
  return values.flatMap((value) => ["-c", value]);
}

/** Postgres refuses to run as root; and it ends when we do, however we end. */
function runAs(user: RunUser | null, program: string, args: string[]): ChildProcess {
  const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"] : [];
  return spawn(
    "setpriv",
    [...identity, "--pdeathsig=INT", "--", join(POSTGRES_15, "bin", program), ...args],
    {
      cwd: "/",
      env: { PATH: process.env.PATH, LC_ALL: "C.UTF-8" },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
}

async function waitUntilReady(
  child: ChildProcess,
  dataDir: string,
  logFile: string,
): Promise<void> {
  let output = "";
  child.stderr?.on("data", (chunk) => {
    output += chunk;
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    if (readPostmaster(dataDir)?.isReady) return;
    await delay(25);
  }
  const log = await readFile(logFile, "utf8").catch(() => "");
  throw new Error(`Postgres 15 did not start:\n${output}${log}`);
}
