import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** How a command is run. */
export interface RunOptions {
  /** Default: the root of the repository. */
  cwd?: string;
  env?: Record<string, string>;
  /** Written to its standard input. */
  input?: string;
}

/** A command that ended with another exit code than 0. */
export class CommandError extends Error {
  constructor(command: string, code: number | null, output: string) {
    super(`${command} failed (exit code ${code}).${output && `\n${output.trimEnd()}`}`);
    this.name = "CommandError";
  }
}

/** Runs a command; what it prints goes to the terminal. */
export async function runCommand(
  command: string,
  args: string[],
  options: RunOptions = {},
): Promise<void> {
  await start(command, args, options, "inherit");
}

/**
 * Runs a command and returns what it wrote to its standard output.
 *
 * @throws CommandError whose message holds both of its outputs
 */
export function readCommand(
  command: string,
  args: string[],
  options: RunOptions = {},
): Promise<string> {
  return start(command, args, options, "pipe");
}

function start(
  command: string,
  args: string[],
  { cwd = ROOT, env, input }: RunOptions,
  output: "inherit" | "pipe",
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: [input === undefined ? "ignore" : "pipe", output, output],
    });
    let stdout = "";
    let all = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      all += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      all += text;
    });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(stdout);
      else reject(new CommandError([command, ...args].join(" "), code, all));
    });
    child.stdin?.end(input);
  });
}
