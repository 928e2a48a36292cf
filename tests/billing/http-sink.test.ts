import { expect, test } from "vitest";
import { httpSink } from "../../supabase/functions/_tally/billing/http-sink.ts";
import { reportOf } from "./fixtures.ts";

interface Sent {
  url: string;
  headers: Headers;
  body: unknown;
}

/** A sink whose receiver answers with a status, or not at all. */
function sinkOf(format: "cloudevents" | "metronome", status: number | null) {
  const sent: Sent[] = [];
  const fetch: typeof globalThis.fetch = async (url, request) => {
    sent.push({
      url: String(url),
      headers: new Headers(request?.headers),
      body: JSON.parse(String(request?.body)),
    });
    if (status === null) throw new TypeError("fetch failed");
    return new Response(null, { status });
  };
  const sink = httpSink(format, { url: "https://meters.example.com/ingest", token: "t" }, fetch);
  return { sink, sent };
}

test("CloudEvents go in batches, as OpenMeter takes them", async () => {
  const { sink, sent } = sinkOf("cloudevents", 204);
  expect(await sink.send([reportOf(), reportOf({ identifier: "tally_2", value: "-3" })])).toEqual([
    { outcome: "delivered" },
    { outcome: "delivered" },
  ]);
  expect(sent).toHaveLength(1);
  expect(sent[0]?.headers.get("content-type")).toBe("application/cloudevents-batch+json");
  expect(sent[0]?.headers.get("authorization")).toBe("Bearer t");
  expect(sent[0]?.body).toMatchObject([
    {
      specversion: "1.0",
      id: "tally_1",
      source: "tallybase",
      type: "tokens",
      subject: "cus_1",
      time: "2026-11-20T12:00:00.000Z",
      data: { value: "5" },
    },
    { id: "tally_2", data: { value: "-3" } },
  ]);
});

test("Metronome takes transactions", async () => {
  const { sink, sent } = sinkOf("metronome", 200);
  await sink.send([reportOf()]);
  expect(sent[0]?.body).toEqual([
    {
      transaction_id: "tally_1",
      customer_id: "cus_1",
      event_type: "tokens",
      timestamp: "2026-11-20T12:00:00.000Z",
      properties: { value: "5" },
    },
  ]);
});

test.each([
  [200, "delivered"],
  [202, "delivered"],
  [400, "refused"],
  [401, "refused"],
  [408, "unknown"],
  [429, "retry"],
  [500, "unknown"],
  [502, "unknown"],
  [503, "retry"],
  [null, "unknown"],
] as const)("an answer of %s is %s", async (status, outcome) => {
  expect(await sinkOf("cloudevents", status).sink.send([reportOf()])).toMatchObject([{ outcome }]);
});
