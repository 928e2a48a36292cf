import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseEnv } from "node:util";
import { CliError } from "../cli-error.ts";

/** What Deno itself and its downloads need of our environment. Nothing else reaches a function. */
const PASSED_ON =
  /^(PATH|HOME|TMPDIR|LANG|LC_\w+|XDG_CACHE_HOME|DENO_\w+|NPM_CONFIG_\w+|https?_proxy|no_proxy|all_proxy|SSL_CERT_\w+|NODE_EXTRA_CA_CERTS)$/i;

/** The variables of an edge function: its settings, and what Deno needs. */
export function functionEnvironment(settings: Record<string, string>): Record<string, string> {
  // Companies add their own certificate authorities to the system's.
  const environment: Record<string, string> = { DENO_TLS_CA_STORE: "system,mozilla" };
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && PASSED_ON.test(name)) environment[name] = value;
  }
  return {
    ...environment,
    // Without this Deno would look for `npm:` packages in the project's node_modules.
    DENO_NO_PACKAGE_JSON: "1",
    DENO_NO_UPDATE_CHECK: "1",
    NO_COLOR: "1",
    ...settings,
  };
}

/** The person's own settings, for example provider keys; empty when there is no file. */
export function readEnvFile(file: string): Record<string, string> {
  if (!existsSync(file)) return {};
  return parseEnv(readFileSync(file, "utf8")) as Record<string, string>;
}

/** The Deno that npm installed. */
export function findDeno(): string {
  const installed = dirname(createRequire(import.meta.url).resolve("deno/package.json"));
  const candidates = [join(installed, "deno")];
  try {
    const libc = process.platform === "linux" ? "-glibc" : "";
    const near = createRequire(join(installed, "package.json"));
    const platform = near.resolve(`@deno/${process.platform}-${process.arch}${libc}/package.json`);
    candidates.push(join(dirname(platform), "deno"));
  } catch {
    // The copy beside the package, made when it was installed, may be enough.
  }
  const found = candidates.find((file) => existsSync(file));
  if (!found) {
    throw new CliError(
      `There is no Deno for this machine (${process.platform} ${process.arch}), so edge functions cannot run.`,
      "Install again without --omit=optional: npm ci",
    );
  }
  return found;
}
