import { parseArgs } from "node:util";
import { CliError } from "../cli-error.ts";
import { findProject } from "../project/find-project.ts";
import { describeStack, FORMATS } from "../stack/describe-stack.ts";
import { readRun } from "../state/run-file.ts";

const HELP = `Usage: tallybase status [options]

Prints the addresses and keys of the running stack. Exit code 1: none is running.

  -o, --output <format>   pretty (default), json or env
  --project <dir>         Default: the project of this directory
  --state-dir <dir>       Default: .tallybase in the project`;

/** `tallybase status` */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      output: { type: "string", short: "o", default: "pretty" },
      project: { type: "string", default: "." },
      "state-dir": { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const format = FORMATS.find((name) => name === values.output);
  if (!format)
    throw new CliError(`There is no output format ${values.output}.`, `Use ${FORMATS.join(", ")}.`);
  const { stateDir } = findProject(values.project, values["state-dir"]);
  const running = readRun(stateDir);
  if (!running) throw new CliError("The local stack is not running.", "Start it: npm start");
  if (!running.info)
    throw new CliError(`The local stack is still starting (process ${running.pid}).`);
  console.log(describeStack(running.info, format));
  return 0;
}
