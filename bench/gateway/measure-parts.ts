import postgres from "postgres";
import { createTextCounter } from "../../supabase/functions/_tally/count-text.ts";
import { countTokens } from "../../supabase/functions/_tally/count-tokens.ts";

/** Where a call's time goes besides HTTP: medians in ms, one after the other on one connection. */
export interface Parts {
  admit_ms: number;
  settle_ms: number;
  count_ms: number;
}

const CALLS = 400;

/** Times the two statements of a call, and the counting of its prompt, by themselves. */
export async function measureParts(
  url: string,
  organizationId: string,
  apiKey: string,
): Promise<Parts> {
  const sql = postgres(url, { max: 1, prepare: false, fetch_types: false, onnotice: () => {} });
  const request = JSON.stringify({
    organization_id: organizationId,
    provider: "openai",
    model: "gpt-4o-mini",
    input_tokens: 30,
    max_output_tokens: 100,
    expires_in: 600,
  });
  const call = JSON.stringify({ api_key: apiKey, has_operator_key: true });
  const event = JSON.stringify({
    provider: "openai",
    model: "gpt-4o-mini",
    input_tokens: 20,
    output_tokens: 20,
  });
  const admitted: number[] = [];
  const settled: number[] = [];
  const counted: number[] = [];
  const countText = createTextCounter();
  for (let index = 0; index < CALLS; index++) {
    const startedAt = performance.now();
    const [row] = await sql.unsafe(
      "select tally.admit_gateway_call($1::text::jsonb, $2::text::jsonb) as answer",
      [request, call],
    );
    const admittedAt = performance.now();
    const more = JSON.stringify({ headroom: row?.answer.headroom });
    await sql.unsafe(
      "select tally.settle_gateway_call($1::text::uuid, $2::text::jsonb, $3::text::jsonb)",
      [row?.answer.hold_id, event, more],
    );
    const settledAt = performance.now();
    await countTokens(
      "openai",
      "gpt-4o-mini",
      { messages: [{ role: "user", content: "Say twenty words about meters, please." }] },
      { countText },
    );
    admitted.push(admittedAt - startedAt);
    settled.push(settledAt - admittedAt);
    counted.push(performance.now() - settledAt);
  }
  await sql.end();
  const median = (times: number[]) => times.sort((a, b) => a - b)[CALLS / 2] ?? Number.NaN;
  return { admit_ms: median(admitted), settle_ms: median(settled), count_ms: median(counted) };
}
