import postgres, { type Sql } from "postgres";
import { CliError, messageOf } from "../cli-error.ts";
import { findProject } from "../project/find-project.ts";
import { readRun } from "../state/run-file.ts";

const VARIABLES = ["TALLY_DB_URL", "DATABASE_URL", "SUPABASE_DB_URL"];

/** Where to look for the database when no option names it. */
export interface LedgerPlace {
  databaseUrl: string | undefined;
  project: string;
  stateDir: string | undefined;
}

/** @throws CliError when nothing names a database and no local stack runs */
export function findDatabaseUrl(place: LedgerPlace, env: NodeJS.ProcessEnv): string {
  const named = place.databaseUrl ?? VARIABLES.map((name) => env[name]).find(Boolean);
  const url = named ?? findLocalStack(place);
  if (url === undefined) {
    throw new CliError(
      "There is no database to import into.",
      `Name it with --database-url or ${VARIABLES.join(", ")}, or start the local stack: npm start`,
    );
  }
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) {
    throw new CliError(
      "The address of the database is not a Postgres URL.",
      "It looks like postgresql://postgres:password@host:5432/postgres",
    );
  }
  return url;
}

function findLocalStack({ project, stateDir }: LedgerPlace): string | undefined {
  try {
    return readRun(findProject(project, stateDir).stateDir)?.info?.DB_URL;
  } catch (error) {
    if (error instanceof CliError) return undefined;
    throw error;
  }
}

/**
 * Connects, and looks whether the ledger is there.
 *
 * @param connections - how many statements may run at once
 * @throws CliError when no database answers, or one without Tallybase
 */
export async function openLedger(url: string, connections: number): Promise<Sql> {
  const sql = postgres(url, {
    // One more, for the tidy-up on the way.
    max: connections + 1,
    // Behind a pooler that hands connections around, a prepared statement would be gone.
    prepare: false,
    connect_timeout: 10,
    onnotice: () => {},
    connection: { application_name: "tallybase import" },
  });
  try {
    const [found] =
      await sql`select to_regprocedure('public.import_usage(jsonb)') is not null as is_there`;
    if (found?.is_there) return sql;
  } catch (error) {
    await sql.end({ timeout: 1 });
    const { host, pathname } = new URL(url);
    throw new CliError(
      `The database ${pathname.slice(1)} at ${host} cannot be opened: ${messageOf(error) || (error as { code?: string }).code}`,
      "Check the address and the password, and that this machine may reach it.",
      { cause: error },
    );
  }
  await sql.end();
  throw new CliError(
    "This database has no import_usage().",
    "Apply the migrations of Tallybase to it first: npx supabase db push",
  );
}
