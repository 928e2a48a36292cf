import { ROOT, readCommand, runCommand } from "./run-command.ts";

const ENV = {
  PGSSLMODE: "disable",
  SUPABASE_NO_UPDATE_NOTIFIER: "1",
  SUPABASE_TELEMETRY_DISABLED: "1",
};

/** Runs the official CLI against a database, none of its containers needed; prints what it says. */
export function runSupabase(url: string, args: string[]): Promise<void> {
  return runCommand("supabase", arrange(url, args), { env: ENV });
}

/** The same, but returns what it says. */
export function readSupabase(url: string, args: string[]): Promise<string> {
  return readCommand("supabase", arrange(url, args), { env: ENV });
}

function arrange(url: string, args: string[]): string[] {
  return [...args, `--remote=${url}`, `--workdir=${ROOT}`];
}
