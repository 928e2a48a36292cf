import { TallyError } from "./errors.ts";
import { Deadlines } from "./keep-deadlines.ts";
import type { Connect } from "./postgres/open-connection.ts";
import { openDriver } from "./postgres/open-driver.ts";
import { ConnectionPool } from "./postgres/open-pool.ts";
import { readPlainServer } from "./postgres/plain-server.ts";
import type { Statement } from "./postgres/write-messages.ts";

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

/** Statements on their way to the server. */
export interface Pending {
  /** Of the last statement. */
  rows: Promise<Record<string, unknown>[]>;
  cancel(): void;
}

/** A way to the server. */
export interface Session {
  /** Runs statements in one transaction. */
  run(statements: readonly Statement[], prepares: boolean): Pending;
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
 * statement comes. A step is one round trip. The server keeps a statement's plan, except behind a
 * transaction pooler, which would mix statements up. Numerics arrive as text, exact.
 */
export function openDatabase(url: string, poolSize: number, prepares = !isPooler(url)): Database {
  const session = openSession(url, poolSize);
  const deadlines = new Deadlines(STATEMENT_DEADLINE_MS);
  let prepare = prepares;
  const run = async <Row>(...statements: Statement[]): Promise<Row[]> => {
    try {
      return await withDeadline<Row>(session.run(statements, prepare), deadlines);
    } catch (error) {
      const { code = "", routine } = error as { code?: string; routine?: string };
      // A pooler that cannot be told by its port.
      const isMixedUp = UNPREPARED.has(code);
      if (!prepare || !isMixedUp && routine !== "RevalidateCachedQuery") throw error;
      if (isMixedUp) prepare = false;
      return await withDeadline<Row>(session.run(statements, prepare), deadlines);
    }
  };
  return {
    query: (text, parameters) => run({ text, parameters }),
    queryAs: (claims, text, parameters) =>
      run(
        { text: BECOME_USER, parameters: [JSON.stringify(claims), claims.sub] },
        { text, parameters },
      ),
  };
}

function openSession(url: string, poolSize: number): Session {
  const { Deno } = globalThis as { Deno?: { connect: Connect } };
  const server = readPlainServer(url);
  return Deno === undefined || server === null
    ? openDriver(url, poolSize)
    : new ConnectionPool(server, poolSize, Deno.connect);
}

/** Supavisor and PgBouncer listen there when they share connections between transactions. */
function isPooler(url: string): boolean {
  return ["6543", "6432"].includes(new URL(url).port);
}

/** Client side, because poolers refuse or ignore `statement_timeout` as a connection setting. */
function withDeadline<Row>({ rows, cancel }: Pending, deadlines: Deadlines): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    const isMet = deadlines.set(() => {
      cancel();
      reject(
        new TallyError("PT503", "The database did not answer in time.", {
          hint: "Try again in a moment.",
          headers: { "retry-after": "1" },
        }),
      );
    });
    rows.then(resolve as (rows: Record<string, unknown>[]) => void, reject).finally(isMet);
  });
}

/** The only row of a statement that always answers with one. */
export function onlyRow<Row>(rows: Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error("The statement answered with no row.");
  return row;
}
