import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { createOrganization, nextEvent, openHolds, sql } from "../functions/arrange.ts";
import { GATEWAY } from "./arrange.ts";

afterAll(() => sql.end());

/** Header bytes of a text, without what no header can carry. */
const bytes = (text: string) =>
  Buffer.from(text)
    .toString("latin1")
    .replaceAll(/\p{Cc}/gu, (byte) => (byte < "\x80" ? "" : byte));

const text = fc.string({ unit: "binary", maxLength: 40 });
const number = fc.oneof(fc.double(), fc.constantFrom(1e20, 1e22, 1e308, 5e-324));
const metadata = fc.oneof(
  fc.dictionary(text, fc.oneof(text, number, fc.object())).map((value) => JSON.stringify(value)),
  fc.integer({ min: 1, max: 700 }).map((length) => `{"list":[${Array(length).fill("1e22")}]}`),
);

test("whatever metadata is let in, its call is recorded", async () => {
  const organization = await createOrganization();
  let answered = 0;
  let refused = 0;

  await fc.assert(
    fc.asyncProperty(metadata, text, async (said, tool) => {
      const response = await fetch(`${GATEWAY}/openai/v1/chat/completions`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${organization.apiKey}`,
          "x-tally-metadata": bytes(said),
          "x-tally-tool": bytes(tool),
        },
        body: '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"[[fake words=1]]"}]}',
      });
      await response.body?.cancel();
      expect([200, 400]).toContain(response.status);
      if (response.ok) answered++;
      else refused++;
    }),
    { numRuns: 150 },
  );

  expect(Math.min(answered, refused)).toBeGreaterThan(0);
  await nextEvent(organization.id, answered);
  expect(await openHolds(organization.id)).toBe(0);
});
