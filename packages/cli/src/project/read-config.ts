import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, type TomlTable, type TomlValue } from "smol-toml";
import { CliError, messageOf } from "../cli-error.ts";

/** What `[functions.<name>]` says. */
export interface FunctionConfig {
  isEnabled: boolean;
  verifyJwt: boolean;
  /** Relative to `supabase/`. */
  entrypoint: string | undefined;
  /** Relative to `supabase/`. */
  importMap: string | undefined;
}

/** What the local stack uses of `supabase/config.toml`. */
export interface ProjectConfig {
  apiPort: number;
  api: TomlTable;
  auth: TomlTable;
  functions(name: string): FunctionConfig;
}

/** @throws CliError when the file is no valid TOML */
export function readConfig(supabaseDir: string): ProjectConfig {
  const file = join(supabaseDir, "config.toml");
  let config: TomlTable;
  try {
    config = parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new CliError(`${file} cannot be read: ${messageOf(cause)}`, undefined, { cause });
  }
  const api = table(config.api);
  const functions = table(config.functions);
  return {
    apiPort: typeof api.port === "number" ? api.port : 54321,
    api,
    auth: table(config.auth),
    functions: (name) => {
      const section = table(functions[name]);
      return {
        isEnabled: section.enabled !== false,
        verifyJwt: section.verify_jwt !== false,
        entrypoint: text(section.entrypoint),
        importMap: text(section.import_map),
      };
    },
  };
}

function table(value: TomlValue | undefined): TomlTable {
  const isTable = typeof value === "object" && !Array.isArray(value) && !(value instanceof Date);
  return isTable ? (value as TomlTable) : {};
}

function text(value: TomlValue | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
