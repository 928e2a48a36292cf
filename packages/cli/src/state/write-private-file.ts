import { renameSync, writeFileSync } from "node:fs";

/** Writes JSON that only its owner may read, so that a reader sees the old text or the new, never a part. */
export function writePrivateFile(file: string, content: unknown): void {
  const partial = `${file}.${process.pid}`;
  writeFileSync(partial, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(partial, file);
}
