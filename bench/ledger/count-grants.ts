import postgres from "postgres";

/** Grants against floor(limit / amount): 32 connections ask for more than there is. */
export async function countGrants(
  url: string,
  amount: number,
): Promise<{ amount: number; granted: number; fits: number }> {
  const limit = 500;
  const sql = postgres(url, { max: 32, onnotice: () => undefined });
  try {
    const id = crypto.randomUUID();
    await sql`insert into public.organizations (id, name) values (${id}, 'grants')`;
    await sql`select public.set_quota(${id}, 'total', ${limit})`;
    const fits = Math.floor(limit / amount);
    const request = { organization_id: id, provider: "openai", model: "gpt-4o" };
    const answers = await Promise.all(
      Array.from(
        { length: fits + 100 },
        () => sql<{ allowed: boolean }[]>`
          select (public.reserve_usage(${sql.json({ ...request, estimated_cost: amount })})
            ->> 'allowed')::boolean as allowed`,
      ),
    );
    return { amount, granted: answers.filter(([answer]) => answer?.allowed).length, fits };
  } finally {
    await sql.end();
  }
}
