import { createClient } from "@supabase/supabase-js";
import { expect, inject, test } from "vitest";

const stack = inject("stack");
const PROMPT = {
  provider: "openai",
  model: "gpt-4o",
  messages: [{ role: "user", content: "How much will this cost?" }],
  max_output_tokens: 100,
};

interface Answer {
  input_tokens: number;
  cost_usd: number;
  cost_usd_upper: number;
  quota: { allowed: boolean };
  code: string;
  message: string;
  hint: string;
}

async function estimate(body: object, headers: Record<string, string>) {
  const answer = await fetch(`${stack.FUNCTIONS_URL}/estimate`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Answer };
}

const withKey = { authorization: `Bearer ${stack.DEMO_API_KEY}` };

test("an API key is told the tokens, the likely cost and the upper bound of a prompt", async () => {
  const { status, body } = await estimate(PROMPT, withKey);

  expect(status).toBe(200);
  expect(body).toMatchObject({ max_output_tokens: 100, tokenizer: "o200k_base", is_exact: true });
  expect(body.input_tokens).toBe(13);
  // 13 tokens at 2.50 and up to 100 at 10 USD per million.
  expect(body.cost_usd_upper).toBeGreaterThanOrEqual(0.0010325);
  expect(body.cost_usd).toBeLessThanOrEqual(body.cost_usd_upper);
  expect(body.quota.allowed).toBe(true);
});

test("a signed-in user is told it too, with the quota of an organization of his own", async () => {
  const client = createClient(stack.API_URL, stack.PUBLISHABLE_KEY);
  const { data } = await client.auth.signInWithPassword({
    email: stack.DEMO_EMAIL,
    password: stack.DEMO_PASSWORD,
  });
  const headers = {
    apikey: stack.PUBLISHABLE_KEY,
    authorization: `Bearer ${data.session?.access_token}`,
  };

  const own = await estimate({ ...PROMPT, organization_id: stack.DEMO_ORGANIZATION_ID }, headers);
  const foreign = await estimate({ ...PROMPT, organization_id: crypto.randomUUID() }, headers);

  expect(own.status).toBe(200);
  expect(own.body.quota.allowed).toBe(true);
  expect(foreign.status).toBe(403);
});

test("the secret key needs no prompt, only its length", async () => {
  const { provider, model } = PROMPT;
  const answer = await estimate(
    { provider, model, input_tokens: 1_000_000, max_output_tokens: 0 },
    { apikey: stack.SECRET_KEY },
  );

  expect(answer.body).toMatchObject({ input_tokens: 1_000_000, cost_usd: 2.5 });
});

test.each([
  ["no key", PROMPT, {}, 401, "PT401"],
  ["an unknown model", { ...PROMPT, model: "gpt-none" }, withKey, 422, "PT422"],
  ["an unknown field", { ...PROMPT, prompt: "Hi" }, withKey, 400, "PT400"],
  ["nothing to count", { provider: "openai", model: "gpt-4o" }, withKey, 400, "PT400"],
])("%s is a clear error", async (_, body, headers, status, code) => {
  const answer = await estimate(body, headers as Record<string, string>);

  expect(answer.status).toBe(status);
  expect(answer.body.code).toBe(code);
  expect(answer.body.message).not.toBe("");
  expect(answer.body.hint).not.toBe("");
});
