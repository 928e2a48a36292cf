import { spawn } from "node:child_process";
import { chown, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { CliError } from "../cli-error.ts";
import type { RunUser } from "./find-run-user.ts";
import type { PostgresBinaries } from "./prepare-binaries.ts";

/** Both roles have this password: the server listens on the loopback interface only. */
export const PASSWORD = "postgres";

/**
 * As on a hosted project, `postgres` owns the database and is no superuser, so that a migration
 * which would fail there fails here. One statement per line: single-user mode reads it.
 */
const HOSTED_ROLES = `
create role postgres login createdb createrole replication bypassrls password '${PASSWORD}';
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres with admin option;
alter database postgres owner to postgres;
alter role all set search_path = "$user", public, extensions;
`;

/**
 * Creates a database cluster at `dataDir`, which must not exist yet. It appears there complete or
 * not at all.
 */
export async function initialiseCluster(
  binaries: PostgresBinaries,
  dataDir: string,
  user: RunUser | null,
): Promise<void> {
  const partial = `${dataDir}.new`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o700 });
  const passwordFile = `${partial}.password`;
  await writeFile(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
  if (user) {
    await chown(partial, user.uid, user.gid);
    await chown(passwordFile, user.uid, user.gid);
  }
  try {
    await run(binaries.initdb, user, [
      `--pgdata=${partial}`,
      "--username=supabase_admin",
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      "--no-sync",
      "--no-instructions",
    ]);
    const exitOnError = "exit_on_error=true";
    await run(
      binaries.postgres,
      user,
      ["--single", "-D", partial, "-c", exitOnError, "postgres"],
      HOSTED_ROLES,
    );
    await rename(partial, dataDir);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(partial, { recursive: true, force: true });
  }
}

function run(program: string, user: RunUser | null, args: string[], input = ""): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...(user && { uid: user.uid, gid: user.gid }),
      cwd: "/",
      env: { LC_ALL: "C", PATH: process.env.PATH },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new CliError(`${program} failed (exit code ${code}):\n${output.trim()}`));
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}
