import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { CliError } from "../cli-error.ts";

/** The user that Postgres runs as. */
export interface RunUser {
  name: string;
  uid: number;
  gid: number;
}

/**
 * Postgres refuses to run as root, so root starts it as an unprivileged user that the system has
 * already: `postgres`, otherwise `nobody`. Null means: as whoever we are.
 */
export function findRunUser(): RunUser | null {
  if (process.getuid?.() !== 0) return null;
  const users = new Map(
    readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .map((line) => line.split(":"))
      .map(([name = "", , uid, gid]) => [name, { name, uid: Number(uid), gid: Number(gid) }]),
  );
  const user = users.get("postgres") ?? users.get("nobody");
  if (!user) {
    throw new CliError(
      "Postgres cannot run as root, and this system has neither a user `postgres` nor `nobody`.",
      "Run as an ordinary user, or create one: useradd --system postgres",
    );
  }
  return user;
}

/** Whether that user can open `path`: every directory above it must let the user pass. */
export function canReach(path: string, user: RunUser | null): boolean {
  if (!user) return true;
  const { uid, gid } = user;
  return (
    spawnSync("/bin/sh", ["-c", 'test -r "$1"', "sh", path], { uid, gid, cwd: "/" }).status === 0
  );
}
