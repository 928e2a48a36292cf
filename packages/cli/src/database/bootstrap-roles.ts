import { readFileSync } from "node:fs";
import postgres from "postgres";
import { CliError, messageOf } from "../cli-error.ts";

const ROLES_SQL = new URL("./roles.sql", import.meta.url);

/**
 * Gives a database what a hosted project has before its first migration: the API roles, the schema
 * for extensions and the default grants. Does nothing where all of it is there.
 *
 * @throws CliError when something is missing and we may not create it
 */
export async function bootstrapRoles(dbUrl: string): Promise<void> {
  const sql = postgres(dbUrl, { max: 1, onnotice: () => undefined });
  try {
    const [found] = await sql`
      select
        (select count(*) from pg_catalog.pg_roles
          where rolname in ('anon', 'authenticated', 'service_role')) = 3
        and to_regnamespace('extensions') is not null
        and to_regnamespace('auth') is not null
        and coalesce(has_schema_privilege('authenticated', to_regnamespace('auth'), 'usage'), false)
        as is_complete`;
    if (!found?.is_complete) await sql.unsafe(readFileSync(ROLES_SQL, "utf8"));
  } catch (cause) {
    throw new CliError(
      `The database lacks the API roles, and they cannot be created: ${messageOf(cause)}`,
      "Let its administrator run packages/cli/src/database/roles.sql once, then start again.",
      { cause },
    );
  } finally {
    await sql.end();
  }
}
