import { styleText } from "node:util";
import { CliError, messageOf } from "./cli-error.ts";

interface Command {
  summary: string;
  load(): Promise<{ run(args: string[]): Promise<number> }>;
}

const COMMANDS: Record<string, Command> = {
  dev: {
    summary: "Run the local stack until Ctrl-C",
    load: () => import("./commands/dev.ts"),
  },
  import: {
    summary: "Load usage of any age from CSV or NDJSON",
    load: () => import("./commands/import.ts"),
  },
  prices: {
    summary: "Build the price book from the catalogue and prices/",
    load: () => import("./prices/run-prices.ts"),
  },
  status: {
    summary: "Print the addresses and keys of the running stack",
    load: () => import("./commands/status.ts"),
  },
  stripe: {
    summary: "Set up Stripe, report usage, compare with its sums",
    load: () => import("./stripe/run-stripe.ts"),
  },
  stop: {
    summary: "Stop the running stack",
    load: () => import("./commands/stop.ts"),
  },
};

/** Runs one command and sets the exit code of the process. */
export async function main(args: string[]): Promise<void> {
  const [name = "help", ...rest] = args;
  const command = COMMANDS[name];
  if (!command) {
    const isHelp = ["help", "--help", "-h"].includes(name);
    if (!isHelp) console.error(`There is no command ${name}.\n`);
    console.log(usage());
    process.exitCode = isHelp ? 0 : 2;
    return;
  }
  try {
    const { run } = await command.load();
    process.exitCode = await run(rest);
  } catch (error) {
    process.exitCode = printError(error);
  }
}

function usage(): string {
  const lines = Object.entries(COMMANDS).map(
    ([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`,
  );
  return [
    "Usage: tallybase <command> [options]",
    "",
    ...lines,
    "",
    "tallybase <command> --help tells more.",
  ].join("\n");
}

/** @returns the exit code: 2 for a wrong command line, 1 for everything else */
function printError(error: unknown): number {
  const isUsage = (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS") ?? false;
  process.stderr.write(`${styleText("red", "✗")} ${messageOf(error)}\n`);
  if (error instanceof CliError && error.hint)
    process.stderr.write(`  ${error.hint.replaceAll("\n", "\n  ")}\n`);
  if (!(error instanceof CliError) && !isUsage)
    process.stderr.write(`${(error as Error).stack ?? ""}\n`);
  return isUsage ? 2 : 1;
}

if (import.meta.main) await main(process.argv.slice(2));
