import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chownSync, closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CliError } from "../cli-error.ts";
import { findFreePort } from "../processes/find-port.ts";
import { endProcess } from "../processes/inspect-process.ts";
import { canReach, findRunUser, type RunUser } from "./find-run-user.ts";
import { initialiseCluster, PASSWORD } from "./initialise-cluster.ts";
import { readPostmaster } from "./postmaster-file.ts";
import { prepareBinaries, SHARED_ROOT } from "./prepare-binaries.ts";

const HOST = "127.0.0.1";
const START_TIMEOUT_MS = 60_000;

/** Where a server keeps its data, and how it runs. */
export interface StartPostgresOptions {
  /** Created when missing. A second server on the same directory is refused. */
  dataDir: string;
  /** Default: a free one. */
  port?: number;
  /** Deletes the data at the end and does not wait for the disk. For tests. */
  isEphemeral?: boolean;
  /** Default: `postgres.log` beside the data. */
  logFile?: string;
}

/** A server that runs until `stop()`, or until this process ends, however it ends. */
export interface RunningPostgres {
  /** As the role `postgres`, which owns the database and is no superuser, as on a hosted project. */
  url: string;
  /** As the superuser `supabase_admin`. */
  adminUrl: string;
  port: number;
  pid: number;
  /** Resolves when the server has ended for whatever reason. */
  exited: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the Postgres 17 that comes with this package on the loopback interface, without a Unix
 * socket. As root it runs as an unprivileged user.
 *
 * @throws CliError when the directory is in use, or the server does not start (with the end of its log)
 */
export async function startPostgres(options: StartPostgresOptions): Promise<RunningPostgres> {
  const user = findRunUser();
  const dataDir = await placeData(resolve(options.dataDir), user);
  const binaries = await prepareBinaries(user, dirname(resolve(options.dataDir)));
  const running = readPostmaster(dataDir);
  if (running)
    throw new CliError(`A Postgres (process ${running.pid}) already runs on ${dataDir}.`);
  if (!existsSync(dataDir)) await initialiseCluster(binaries, dataDir, user);

  const port = options.port ?? (await findFreePort());
  const logFile = resolve(options.logFile ?? `${options.dataDir}.log`);
  const child = spawnGuarded(
    [
      binaries.postgres,
      "-D",
      dataDir,
      "-p",
      String(port),
      ...settings(options.isEphemeral ?? false),
    ],
    { user, cwd: dataDir, logFile },
  );
  const exited = new Promise<void>((done) => child.once("close", () => done()));
  const pid = await waitUntilReady(dataDir, child, logFile);
  const url = (role: string) => `postgresql://${role}:${PASSWORD}@${HOST}:${port}/postgres`;
  return {
    url: url("postgres"),
    adminUrl: url("supabase_admin"),
    port,
    pid,
    exited,
    stop: async () => {
      child.stdin?.end();
      const isGone = await Promise.race([
        exited.then(() => true),
        delay(20_000, false, { ref: false }),
      ]);
      if (!isGone)
        await endProcess(pid, [
          ["SIGQUIT", 5_000],
          ["SIGKILL", 5_000],
        ]);
      await exited;
      if (options.isEphemeral) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Where the data really lies: a directory that the server's user cannot reach is moved to {@link SHARED_ROOT}. */
export async function placeData(dataDir: string, user = findRunUser()): Promise<string> {
  const parent = dirname(dataDir);
  mkdirSync(parent, { recursive: true });
  if (!user || canReach(parent, user)) return dataDir;
  const shared = join(SHARED_ROOT, createHash("sha256").update(dataDir).digest("hex").slice(0, 16));
  mkdirSync(shared, { recursive: true, mode: 0o755 });
  return join(shared, "data");
}

/**
 * Ends a Postgres that an earlier, killed run left on this data directory.
 *
 * @returns its process id, or null when there was none
 */
export async function endOrphan(dataDir: string): Promise<number | null> {
  const orphan = readPostmaster(await placeData(resolve(dataDir)));
  if (!orphan) return null;
  const isGone = await endProcess(orphan.pid, [
    ["SIGINT", 15_000],
    ["SIGQUIT", 5_000],
  ]);
  if (!isGone) {
    throw new CliError(
      `Postgres (process ${orphan.pid}) of an earlier run does not stop.`,
      `End it yourself: kill -9 ${orphan.pid}`,
    );
  }
  return orphan.pid;
}

function settings(isEphemeral: boolean): string[] {
  const values = [
    `listen_addresses=${HOST}`,
    "unix_socket_directories=",
    "max_connections=250",
    "timezone=UTC",
    "log_timezone=UTC",
    ...(isEphemeral ? ["fsync=off", "full_page_writes=off", "synchronous_commit=off"] : []),
  ];
  return values.flatMap((value) => ["-c", value]);
}

/**
 * The shell between us and the server ends it when our end of the pipe closes, which the system
 * does for us even after `kill -9`. Its own session keeps a Ctrl-C in the terminal from reaching
 * the server before we have closed everything that uses it.
 */
const GUARD = `
exec 3<&0
"$@" 3<&- &
server=$!
{ read -r _ <&3; kill -INT $server; } &
guard=$!
wait $server
status=$?
kill $guard 2>/dev/null
exit $status
`;

function spawnGuarded(
  command: string[],
  { user, cwd, logFile }: { user: RunUser | null; cwd: string; logFile: string },
): ChildProcess {
  const log = openSync(logFile, "a", 0o600);
  if (user) chownSync(logFile, user.uid, user.gid);
  const child = spawn("/bin/sh", ["-c", GUARD, "postgres-guard", ...command], {
    ...(user && { uid: user.uid, gid: user.gid }),
    cwd,
    detached: true,
    env: { LC_ALL: "C", PATH: process.env.PATH },
    stdio: ["pipe", log, log],
  });
  closeSync(log);
  return child;
}

async function waitUntilReady(
  dataDir: string,
  child: ChildProcess,
  logFile: string,
): Promise<number> {
  let failure: Error | undefined;
  child.once("error", (error) => {
    failure = error;
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const server = readPostmaster(dataDir);
    if (server?.isReady) return server.pid;
    if (failure) throw failure;
    if (child.exitCode !== null) break;
    await delay(25);
  }
  child.stdin?.end();
  throw new CliError(`Postgres did not start. The end of ${logFile}:\n${tail(logFile)}`);
}

function tail(file: string): string {
  return readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .slice(-8)
    .map((line) => `  ${line}`)
    .join("\n");
}
