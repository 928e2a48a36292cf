import { createClient } from "@supabase/supabase-js";
import { expect, inject, test } from "vitest";

const stack = inject("stack");

test("the demo login owns the demo organization and sees a month of its usage", async () => {
  const client = createClient(stack.API_URL, stack.PUBLISHABLE_KEY);
  await client.auth.signInWithPassword({ email: stack.DEMO_EMAIL, password: stack.DEMO_PASSWORD });
  const organizations = await client.from("organizations").select("id");
  expect(organizations.data).toEqual([{ id: stack.DEMO_ORGANIZATION_ID }]);
  const members = await client.from("organization_members").select("role");
  expect(members.data).toContainEqual({ role: "owner" });
  const days = await client.from("usage_summary").select("date");
  expect(new Set(days.data?.map((day) => day.date)).size).toBeGreaterThan(25);
});

test("the command that the summary prints makes a metered call", async () => {
  const answer = await fetch(`${stack.FUNCTIONS_URL}/gateway/openai/v1/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${stack.DEMO_API_KEY}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ model: "gpt-5-mini", messages: [{ role: "user", content: "Hello" }] }),
  });
  expect(answer.status).toBe(200);
  expect(Number(answer.headers.get("x-tally-cost-usd"))).toBeGreaterThan(0);
  expect(await answer.json()).toMatchObject({ object: "chat.completion" });
});
