import type { Sql } from "postgres";
import { CliError } from "../cli-error.ts";
import type { StackKeys } from "../state/keys-file.ts";
import type { Lite } from "./open-lite.ts";

/** The organization that `supabase/seed.sql` fills, and who may sign in to it. Local only. */
export const DEMO = {
  email: "demo@tallybase.local",
  password: "tallybase-demo",
  organizationId: "00000000-0000-4000-8000-000000000001",
} as const;

/**
 * Makes sure that the demo organization has its owner and an API key. Safe to run again.
 *
 * @returns the API key, or null when the database has no Tallybase in it
 */
export async function prepareDemo(sql: Sql, lite: Lite, keys: StackKeys): Promise<string | null> {
  const [schema] =
    await sql`select to_regprocedure('public.create_api_key(uuid,text,text[],timestamptz)') as found`;
  if (!schema?.found) return null;
  await sql`
    insert into public.organizations (id, name) values (${DEMO.organizationId}, 'Demo')
    on conflict do nothing`;
  const userId = (await findUser(sql)) ?? (await signUp(lite));
  await sql`
    insert into public.organization_members (organization_id, user_id, role)
    values (${DEMO.organizationId}, ${userId}, 'owner')
    on conflict do nothing`;
  return (await keepKey(sql, keys.demoApiKey)) ?? (await makeKey(sql));
}

async function findUser(sql: Sql): Promise<string | null> {
  const [user] = await sql`select id from auth.users where email = ${DEMO.email}`;
  return user?.id ?? null;
}

async function signUp(lite: Lite): Promise<string> {
  const { data, error } = await lite
    .client()
    .auth.signUp({ email: DEMO.email, password: DEMO.password });
  if (error || !data.user) {
    throw new CliError(
      `The demo user could not be created: ${error?.message ?? "Auth named no user"}`,
      "Sign-up by e-mail must be allowed in supabase/config.toml ([auth] enable_signup = true).",
    );
  }
  return data.user.id;
}

/** The key of an earlier run, when it is still one of the demo organization. */
async function keepKey(sql: Sql, key: string | undefined): Promise<string | null> {
  if (!key) return null;
  const [row] = await sql`select organization_id from tally.verify_api_key(${key})`;
  return row?.organization_id === DEMO.organizationId ? key : null;
}

async function makeKey(sql: Sql): Promise<string> {
  const [row] =
    await sql`select public.create_api_key(${DEMO.organizationId}, 'Local stack') ->> 'key' as key`;
  return row?.key;
}
