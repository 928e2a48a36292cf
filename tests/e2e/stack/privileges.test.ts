import postgres from "postgres";
import { afterAll, expect, inject, test } from "vitest";

const { API_URL, DB_URL, DEMO_EMAIL, DEMO_PASSWORD, PUBLISHABLE_KEY, SECRET_KEY } = inject("stack");
const sql = postgres(DB_URL, { max: 1, onnotice: () => undefined });

afterAll(() => sql.end());

async function signIn(): Promise<string> {
  const response = await fetch(`${API_URL}/auth/v1/token?grant_type=password`, {
    method: "POST",
    headers: { apikey: PUBLISHABLE_KEY, "content-type": "application/json" },
    body: JSON.stringify({ email: DEMO_EMAIL, password: DEMO_PASSWORD }),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

test("members read no hash of a key", async () => {
  const headers = { apikey: PUBLISHABLE_KEY, authorization: `Bearer ${await signIn()}` };
  const read = (columns: string) =>
    fetch(`${API_URL}/rest/v1/api_keys?select=${columns}`, { headers });

  expect((await read("id,key_prefix")).status).toBe(200);
  expect((await read("id,key_hash")).status).toBe(403);
});

test("the secret key writes no ledger table", async () => {
  const response = await fetch(`${API_URL}/rest/v1/usage_holds?state=eq.settled`, {
    method: "DELETE",
    headers: { apikey: SECRET_KEY },
  });

  expect(response.status).toBe(403);
});

test("what the API has used may do no more than the migrations say", async () => {
  const rows = await sql`
    select r.role, t.name, p.privilege
    from unnest(array['anon', 'authenticated', 'service_role']) as r (role)
    cross join unnest(array['public.usage_quotas', 'public.token_usage', 'tally.idempotency_keys']) as t (name)
    cross join unnest(array['select', 'insert', 'update', 'truncate']) as p (privilege)
    where has_table_privilege(r.role, t.name, p.privilege)
    order by r.role, t.name, p.privilege`;

  expect(rows.map(({ role, name, privilege }) => `${role} ${privilege} ${name}`)).toEqual([
    "authenticated select public.token_usage",
    "authenticated select public.usage_quotas",
    "service_role select public.token_usage",
    "service_role insert public.usage_quotas",
    "service_role select public.usage_quotas",
  ]);
});
