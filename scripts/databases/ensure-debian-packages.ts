import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Where Debian keeps the programs of Postgres 15. */
export const POSTGRES_15 = "/usr/lib/postgresql/15";

/** Package → a file of it that we use. */
const PACKAGES = {
  "postgresql-15": `${POSTGRES_15}/bin/postgres`,
  "postgresql-15-pgtap": "/usr/share/postgresql/15/extension/pgtap.control",
  "postgresql-15-cron": "/usr/share/postgresql/15/extension/pg_cron.control",
  "postgresql-15-plpgsql-check": "/usr/share/postgresql/15/extension/plpgsql_check.control",
  "libtap-parser-sourcehandler-pgtap-perl": "/usr/bin/pg_prove",
};

/**
 * Installs the Debian packages that the database tests need, when they are missing and we may.
 *
 * @throws Error that says what to install, when we may not
 */
export async function ensureDebianPackages(): Promise<void> {
  const missing = Object.entries(PACKAGES)
    .filter(([, file]) => !existsSync(file))
    .map(([name]) => name);
  if (missing.length === 0) return;
  const asRoot = findWayToRoot();
  if (!asRoot || !existsSync("/usr/bin/apt-get")) {
    throw new Error(
      `The database tests need Debian packages that are missing, and this user may not install them.\n` +
        `Install them first: sudo apt-get install ${missing.join(" ")}`,
    );
  }
  console.log(`Installing ${missing.join(" ")} (once)`);
  const script = fileURLToPath(new URL("install-debian-packages.sh", import.meta.url));
  const [command = "", ...args] = [...asRoot, "sh", script, ...missing];
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`Installing ${missing.join(" ")} failed:\n${stdout}${stderr}`);
  }
}

/** The words that make a command run as root; null when nothing does without a question. */
function findWayToRoot(): string[] | null {
  if (process.getuid?.() === 0) return [];
  const { status } = spawnSync("sudo", ["-n", "true"], { stdio: "ignore" });
  return status === 0 ? ["sudo", "-n"] : null;
}
