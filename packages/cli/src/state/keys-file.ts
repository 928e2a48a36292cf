import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writePrivateFile } from "./write-private-file.ts";

/** What stays the same from one run to the next. */
export interface StackKeys {
  publishableKey: string;
  secretKey: string;
  /** Signs the sessions of users. */
  jwtSecret: string;
  /** The API key of the demo organization, once there is one. */
  demoApiKey?: string;
  /** Of the migration files as they were when they were applied. */
  migrationsHash?: string;
}

const FILE = "keys.json";

/** The keys of this project's stack: made at the first run. */
export function loadKeys(stateDir: string): StackKeys {
  const file = join(stateDir, FILE);
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8"));
  const keys = {
    publishableKey: `sb_publishable_${randomText(24)}`,
    secretKey: `sb_secret_${randomText(24)}`,
    jwtSecret: randomText(40),
  };
  saveKeys(stateDir, keys);
  return keys;
}

/** Replaces the file in one step. */
export function saveKeys(stateDir: string, keys: StackKeys): void {
  writePrivateFile(join(stateDir, FILE), keys);
}

function randomText(bytes: number): string {
  return randomBytes(bytes).toString("base64url");
}
