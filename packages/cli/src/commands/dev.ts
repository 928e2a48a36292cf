import { join } from "node:path";
import { parseArgs } from "node:util";
import { CliError } from "../cli-error.ts";
import { findProject, type Project } from "../project/find-project.ts";
import { readConfig } from "../project/read-config.ts";
import { choosePorts, requireFreePorts, type WantedPorts } from "../stack/check-ports.ts";
import { describeStack } from "../stack/describe-stack.ts";
import { logConsole } from "../stack/log-console.ts";
import { deleteEmbedded, endEmbeddedOrphan } from "../stack/open-database.ts";
import { reportTo } from "../stack/report-progress.ts";
import { type Stack, startStack } from "../stack/start-stack.ts";
import { waitUntilAsked } from "../stack/wait-until-asked.ts";
import { claimRun, PROCESS_TITLE, publishRun, releaseRun } from "../state/run-file.ts";

const HELP = `Usage: tallybase dev [options]        (npm start -- [options])

Runs the local stack until Ctrl-C: Postgres, REST and Auth, the edge functions, a fake provider, a
fake Stripe.

  --reset                 Start over with an empty database
  --port <number>         Port of the API; the database and the two fakes take the next three.
                          Default: [api] port of supabase/config.toml. 0: free ports
  --db-port <number>      Port of the database
  --provider-port <number>  Port of the fake provider
  --stripe-port <number>  Port of the fake Stripe
  --env-file <file>       Settings of the edge functions, for example provider keys.
                          Default: supabase/functions/.env
  --no-demo               No demo organization
  --project <dir>         Default: the project of this directory
  --state-dir <dir>       Data, keys and logs. Default: .tallybase in the project

DATABASE_URL=postgresql://… uses that Postgres instead of the embedded one. Demo data goes into it
only when it is on this machine.`;

interface DevOptions {
  project: Project;
  ports: WantedPorts;
  databaseUrl: string | undefined;
  reset: boolean;
  withDemo: boolean;
  envFile: string;
}

/** `tallybase dev` */
export async function run(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (!options) return 0;
  const { project, databaseUrl, withDemo, envFile } = options;
  process.title = PROCESS_TITLE;
  const report = reportTo(process.stdout, Number(process.env.TALLYBASE_STARTED_AT ?? Date.now()));
  report.title("Tallybase");

  using asked = waitUntilAsked();
  await using resources = new AsyncDisposableStack();
  await claim(options, report.note);
  resources.defer(() => releaseRun(project.stateDir));
  logConsole(project.stateDir);
  const ports = await choosePorts(options.ports);
  const { db, ...others } = ports;
  await requireFreePorts(databaseUrl ? others : { db, ...others });

  let stack: Stack;
  try {
    const { signal } = asked;
    stack = await startStack(
      { project, ports, databaseUrl, withDemo, envFile, signal, report },
      resources,
    );
  } catch (error) {
    // Once somebody asked to stop, what fails is our own doing.
    if (asked.signal.aborted) return 0;
    throw error;
  }
  publishRun(project.stateDir, stack.info);
  report.ready(describeStack(stack.info, "pretty"));
  const isAsked = await Promise.race([
    asked.promise.then(() => true),
    stack.databaseExited.then(() => false),
  ]);
  if (isAsked) return 0;
  throw new CliError(
    "Postgres has ended, so the stack stops.",
    `Its last words are in ${project.stateDir}/logs/postgres.log`,
  );
}

/** Takes the state directory, and clears what a killed run left there. */
async function claim(
  { project, reset, databaseUrl }: DevOptions,
  note: (text: string) => void,
): Promise<void> {
  const { stateDir } = project;
  const claimed = claimRun(stateDir);
  if (claimed.owner) {
    const { pid, info } = claimed.owner;
    const place = info ? `at ${info.API_URL} (process ${pid})` : `(process ${pid})`;
    throw new CliError(
      `The local stack of this project is already running ${place}.`,
      "See it: npx tallybase status. Stop it: npx tallybase stop",
    );
  }
  if (claimed.deadPid !== null) {
    note(`The earlier run (process ${claimed.deadPid}) was killed; its data is kept.`);
  }
  if (databaseUrl) return;
  const orphan = await endEmbeddedOrphan(stateDir);
  if (orphan !== null) note(`Its Postgres (process ${orphan}) still ran and is stopped.`);
  if (reset) {
    await deleteEmbedded(stateDir);
    note("Starting over with an empty database.");
  }
}

function readOptions(args: string[]): DevOptions | null {
  const { values } = parseArgs({
    args,
    options: {
      reset: { type: "boolean", default: false },
      port: { type: "string" },
      "db-port": { type: "string" },
      "provider-port": { type: "string" },
      "stripe-port": { type: "string" },
      "env-file": { type: "string" },
      "no-demo": { type: "boolean", default: false },
      project: { type: "string", default: "." },
      "state-dir": { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return null;
  }
  const databaseUrl = process.env.DATABASE_URL || undefined;
  if (databaseUrl && values.reset) {
    throw new CliError(
      "--reset deletes the embedded database only, and DATABASE_URL names another one.",
      "Drop and create that database yourself, then start without --reset.",
    );
  }
  const project = findProject(values.project, values["state-dir"]);
  return {
    project,
    databaseUrl,
    envFile: values["env-file"] ?? join(project.supabaseDir, "functions/.env"),
    reset: values.reset,
    withDemo: !values["no-demo"] && (!databaseUrl || isLocal(databaseUrl)),
    ports: {
      api: readPort("--port", values.port) ?? readConfig(project.supabaseDir).apiPort,
      db: readPort("--db-port", values["db-port"]),
      provider: readPort("--provider-port", values["provider-port"]),
      stripe: readPort("--stripe-port", values["stripe-port"]),
    },
  };
}

function readPort(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_000) {
    throw new CliError(
      `${flag} ${text} is not a port.`,
      "A port is a number from 1 to 65000; 0 takes a free one.",
    );
  }
  return port;
}

function isLocal(url: string): boolean {
  return (
    URL.canParse(url) && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname)
  );
}
