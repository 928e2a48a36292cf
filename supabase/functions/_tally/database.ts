import postgres from "postgres";
import { TallyError } from "./errors.ts";

/** A value that a statement takes. Objects go as `$1::text::jsonb` with their JSON text. */
export type Parameter = string | number | boolean | null;

/** The claims of a verified user token, as Postgres sees them. */
export interface UserClaims {
  sub: string;
  [claim: string]: unknown;
}

/** How the functions talk to Postgres: one statement, one answer. */
export interface Database {
  /** Runs a statement as the owner of the schema: for the service and for checked API keys. */
  query<Row>(statement: string, parameters: Parameter[]): Promise<Row[]>;
  /** Runs a statement as a signed-in user, so that policies and the functions' own checks decide. */
  queryAs<Row>(claims: UserClaims, statement: string, parameters: Parameter[]): Promise<Row[]>;
}

/** Longer than any statement here takes; what it protects from is a lock or a network that hangs. */
const STATEMENT_DEADLINE_MS = 10_000;

/** As the REST API does, in its newer and its older way; auth.uid() reads one or the other. */
const BECOME_USER = `select
  set_config('role', 'authenticated', true),
  set_config('request.jwt.claims', $1, true),
  set_config('request.jwt.claim.sub', $2, true),
  set_config('request.jwt.claim.role', 'authenticated', true)`;

/** What a transaction pooler makes of prepared statements. Nothing was run when one of them comes. */
const UNPREPARED = new Set(["26000", "42P05"]);

/**
 * Opens a small pool and its first connection, so that it is there, or nearly, when the first
 * statement comes. A prepared statement takes one round trip instead of two; behind a transaction
 * pooler, which would mix them up, none is prepared. Numerics arrive as text, exact.
 */
export function openDatabase(url: string, poolSize: number, prepares = !isPooler(url)): Database {
  let prepare = prepares;
  const sql = postgres(url, {
    max: poolSize,
    prepare: prepares,
    fetch_types: false,
    idle_timeout: 30,
    connect_timeout: 5,
    onnotice: () => {},
    connection: { application_name: "tallybase-functions" },
  });
  // The driver would open one more for a statement that comes while the first is being opened.
  // A failure is not lost: the statement meets it again.
  const opened = sql.unsafe("select 1").then(() => {}, () => {});
  return {
    async query<Row>(statement: string, parameters: Parameter[]) {
      await opened;
      const run = () => withDeadline<Row>(sql.unsafe(statement, parameters, { prepare }));
      try {
        return await run();
      } catch (error) {
        if (!prepare || !UNPREPARED.has((error as { code?: string }).code ?? "")) throw error;
        // A pooler that cannot be told by its port.
        prepare = false;
        return await run();
      }
    },
    async queryAs<Row>(claims: UserClaims, statement: string, parameters: Parameter[]) {
      await opened;
      const rows = await sql.begin(async (transaction) => {
        await withDeadline(transaction.unsafe(BECOME_USER, [JSON.stringify(claims), claims.sub]));
        return await withDeadline<Row>(transaction.unsafe(statement, parameters));
      });
      return rows as Row[];
    },
  };
}

/** Supavisor and PgBouncer listen there when they share connections between transactions. */
function isPooler(url: string): boolean {
  return ["6543", "6432"].includes(new URL(url).port);
}

/** Client side, because poolers refuse or ignore `statement_timeout` as a connection setting. */
async function withDeadline<Row>(query: postgres.PendingQuery<postgres.Row[]>): Promise<Row[]> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      query.cancel();
      reject(
        new TallyError("PT503", "The database did not answer in time.", {
          hint: "Try again in a moment.",
          headers: { "retry-after": "1" },
        }),
      );
    }, STATEMENT_DEADLINE_MS);
  });
  try {
    return [...(await Promise.race([query, deadline]))] as Row[];
  } finally {
    clearTimeout(timer);
  }
}

/** The only row of a statement that always answers with one. */
export function onlyRow<Row>(rows: Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error("The statement answered with no row.");
  return row;
}
