import type { Database, Parameter, UserClaims } from "../../supabase/functions/_tally/database.ts";
import type { LogLine } from "../../supabase/functions/_tally/log-request.ts";

/** A statement that the code under test sent. */
export interface Sent {
  statement: string;
  parameters: Parameter[];
  /** Set when it ran as a signed-in user. */
  claims?: UserClaims;
}

/** A database that answers by the first function named in `answers` that a statement calls. */
export function fakeDatabase(
  answers: Record<string, (sent: Sent) => object | object[] | Promise<object | object[]>>,
): Database & { sent: Sent[] } {
  const sent: Sent[] = [];
  async function run<Row>(call: Sent): Promise<Row[]> {
    sent.push(call);
    const name = Object.keys(answers).find((known) => call.statement.includes(known));
    if (name === undefined) throw new Error(`no answer for: ${call.statement}`);
    const rows = await answers[name]?.(call);
    return (Array.isArray(rows) ? rows : [rows]) as Row[];
  }
  return {
    sent,
    query: (statement, parameters) => run({ statement, parameters }),
    queryAs: (claims, statement, parameters) => run({ statement, parameters, claims }),
  };
}

/** An error as the Postgres driver throws it. */
export function databaseError(code: string, message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { code, ...more });
}

/** An unsigned token: only its shape and claims matter where Auth is asked. */
export function tokenOf(claims: object, header: object = { alg: "HS256", typ: "JWT" }): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  return `${encode(header)}.${encode(claims)}.c2lnbmF0dXJl`;
}

export const ENVIRONMENT: Record<string, string> = {
  SUPABASE_DB_URL: "postgres://database.invalid/postgres",
  SUPABASE_URL: "http://supabase.invalid",
  SUPABASE_SECRET_KEYS: '{"default":"sb_secret_unit"}',
  SUPABASE_PUBLISHABLE_KEYS: '{"default":"sb_publishable_unit"}',
  TALLY_OPENAI_BASE_URL: "http://provider.invalid/v1",
  OPENAI_API_KEY: "sk-operator",
};

export const ORGANIZATION = "0e7a3c52-9d4b-4c8e-8a51-6f2d7b9c1e30";
export const API_KEY_ID = "5b1f0a77-2c3d-4e5f-9a6b-7c8d9e0f1a2b";
export const USER_ID = "c2a9e6d4-1b3f-4a5c-8d7e-9f0a1b2c3d4e";

/** The row of verify_api_key for a good key. */
export const keyRow = () => ({
  api_key_id: API_KEY_ID,
  organization_id: ORGANIZATION,
  has_scope: true,
});

/** Collects the log lines that are written while `work` runs and the promises it left settle. */
export async function logsOf(work: () => Promise<unknown>): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  const write = console.log;
  console.log = (line: string) => lines.push(JSON.parse(line));
  try {
    await work();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    console.log = write;
  }
  return lines;
}
