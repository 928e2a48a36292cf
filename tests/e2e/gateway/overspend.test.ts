import { APIError } from "openai";
import { afterAll, expect, test } from "vitest";
import {
  billOf,
  createOrganization,
  eventsOf,
  marker,
  openHolds,
  setDailyQuota,
  sql,
} from "../functions/arrange.ts";
import { openClients } from "./arrange.ts";

const CLIENTS = 64;
const FITTING = 20;

afterAll(() => sql.end());

test(`${CLIENTS} parallel clients on a quota that fits ${FITTING} calls`, async () => {
  const organization = await createOrganization();
  const mark = marker();
  const { openai } = openClients(organization.apiKey);
  const request = {
    model: "gpt-4o-mini",
    messages: [{ role: "user" as const, content: `${mark} [[fake input=20 output=2000]]` }],
    max_completion_tokens: 2_000,
  };
  // What one call holds is learned from one, on a quota that only counts.
  await setDailyQuota(organization.id, 100);
  await openai.chat.completions.create(request);
  const [hold] = await sql<{ cost: string; used: string }[]>`
    select h.amounts ->> 'cost_usd' as cost, u.cost_usd::text as used
    from public.usage_holds as h
    join public.token_usage as u on u.organization_id = h.organization_id and u.id = h.event_id
    where h.organization_id = ${organization.id}`;
  const used = Number(hold?.used);
  // The last call that fits needs room for its whole hold, one more would not have it.
  const limit = used + FITTING * used + (Number(hold?.cost) - used);
  await setDailyQuota(organization.id, limit);

  const results = await Promise.allSettled(
    Array.from({ length: CLIENTS }, async () => {
      // A client that is refused while others hold asks again until they have settled.
      for (;;) {
        try {
          return await openai.chat.completions.create(request);
        } catch (error) {
          const isRefused = error instanceof APIError && error.status === 402;
          const quota = isRefused ? (error.error as { quota: { reserved: number } }).quota : null;
          if (quota === null || quota.reserved === 0) throw error;
        }
      }
    }),
  );

  const answered = results.filter(({ status }) => status === "fulfilled").length;
  expect(answered).toBe(FITTING);
  for (const result of results) {
    if (result.status === "rejected") expect(result.reason).toMatchObject({ status: 402 });
  }
  expect(await billOf(mark, { ended: FITTING + 1 })).toHaveLength(FITTING + 1);
  expect(await eventsOf(organization.id)).toHaveLength(FITTING + 1);
  expect(await openHolds(organization.id)).toBe(0);
  const [total] = await sql<{ within: boolean }[]>`
    select sum(cost_usd) <= ${limit} as within from public.token_usage
    where organization_id = ${organization.id}`;
  expect(total?.within).toBe(true);
});
