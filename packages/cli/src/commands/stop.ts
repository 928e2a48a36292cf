import { parseArgs } from "node:util";
import { CliError } from "../cli-error.ts";
import { endProcess } from "../processes/inspect-process.ts";
import { findProject } from "../project/find-project.ts";
import { endEmbeddedOrphan } from "../stack/open-database.ts";
import { readRun } from "../state/run-file.ts";

const HELP = `Usage: tallybase stop [options]

Stops the local stack; its data stays. Exit code 0 as well when none is running.

  --project <dir>     Default: the project of this directory
  --state-dir <dir>   Default: .tallybase in the project`;

/** `tallybase stop` */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      project: { type: "string", default: "." },
      "state-dir": { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const { stateDir } = findProject(values.project, values["state-dir"]);
  const running = readRun(stateDir);
  if (running) {
    const isGone = await endProcess(running.pid, [
      ["SIGTERM", 30_000],
      ["SIGKILL", 5_000],
    ]);
    if (!isGone) {
      throw new CliError(
        `Process ${running.pid} does not stop.`,
        `End it yourself: kill -9 ${running.pid}`,
      );
    }
  }
  const orphan = await endEmbeddedOrphan(stateDir);
  const hadNothing = !running && orphan === null;
  console.log(
    hadNothing ? "The local stack is not running." : "The local stack is stopped. Its data stays.",
  );
  return 0;
}
