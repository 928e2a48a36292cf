import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import {
  readRequestsPerSecond,
  readWebhookSecrets,
} from "../../supabase/functions/_tally/billing/billing-settings.ts";
import { chooseSink } from "../../supabase/functions/_tally/billing/choose-sink.ts";
import { reportOf, startFake } from "./fixtures.ts";

const choose = (settings: Record<string, string>) =>
  chooseSink((name) => settings[name], { fetch, now: Date.now });
const rateOf = (settings: Record<string, string>) =>
  readRequestsPerSecond((name) => settings[name]);

let server: Server | undefined;
afterEach(() => void server?.close());

/** A receiver that keeps what it gets. */
async function startReceiver() {
  const received: { type: string; token: string; body: unknown }[] = [];
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { authorization = "", "content-type": type = "" } = request.headers;
    received.push({ type, token: authorization, body: JSON.parse(body) });
    response.writeHead(204).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { received, url: `http://127.0.0.1:${port}/api/v1/events` };
}

test("Stripe is meant when nothing is said, and needs a key", async () => {
  const { fake, total, settings } = await startFake();
  try {
    const stripe = { STRIPE_SECRET_KEY: "sk_test_x", TALLY_STRIPE_API_URL: settings.apiUrl.href };
    expect(choose(stripe).name).toBe("stripe");
    const now = new Date(Math.floor(fake.account.now() / 1000) * 1000).toISOString();
    await choose(stripe).send([reportOf({ eventAt: now })]);
    const stream = choose({ ...stripe, TALLY_METER_SINK: "stripe-stream" });
    await stream.send([reportOf({ identifier: "tally_2", eventAt: now })]);
    expect([stream.name, total()]).toEqual(["stripe-stream", 10]);
  } finally {
    await fake.close();
  }
  expect(() => choose({})).toThrow("STRIPE_SECRET_KEY is not set.");
});

test.each(["cloudevents", "metronome"] as const)("%s gets them over HTTP", async (name) => {
  const { received, url } = await startReceiver();
  const sink = choose({ TALLY_METER_SINK: name, TALLY_SINK_URL: url, TALLY_SINK_TOKEN: "secret" });
  expect(await sink.send([reportOf(), reportOf({ identifier: "tally_2" })])).toEqual([
    { outcome: "delivered" },
    { outcome: "delivered" },
  ]);
  const [request] = received;
  expect(received).toHaveLength(1);
  expect(request?.token).toBe("Bearer secret");
  const key = name === "cloudevents" ? "id" : "transaction_id";
  const events = (request?.body ?? []) as Record<string, unknown>[];
  expect(events.map((event) => event[key])).toEqual(["tally_1", "tally_2"]);
  expect(() => choose({ TALLY_METER_SINK: name })).toThrow("TALLY_SINK_URL is not set to a URL.");
});

test("an unknown sink is refused by name", () => {
  expect(() => choose({ TALLY_METER_SINK: "kafka" })).toThrow(
    "TALLY_METER_SINK must be one of stripe, stripe-stream, cloudevents, metronome.",
  );
});

test("as many requests a second as the account takes, or as the operator says", () => {
  expect(rateOf({ STRIPE_SECRET_KEY: "sk_live_x" })).toBe(1000);
  expect(rateOf({ STRIPE_SECRET_KEY: "rk_live_x" })).toBe(1000);
  expect(rateOf({ STRIPE_SECRET_KEY: "sk_test_x" })).toBe(25);
  expect(rateOf({ TALLY_METER_SINK: "metronome" })).toBe(1000);
  expect(rateOf({ STRIPE_SECRET_KEY: "sk_test_x", TALLY_SINK_REQUESTS_PER_SECOND: " 7 " })).toBe(7);
  for (const wrong of ["0", "1.5", "many", "100000"]) {
    expect(() => rateOf({ TALLY_SINK_REQUESTS_PER_SECOND: wrong })).toThrow(
      "TALLY_SINK_REQUESTS_PER_SECOND must be a whole number",
    );
  }
});

test("each destination of webhooks has its secret", () => {
  expect(readWebhookSecrets(() => "whsec_1, whsec_2,")).toEqual(["whsec_1", "whsec_2"]);
  expect(() => readWebhookSecrets(() => " ,")).toThrow("STRIPE_WEBHOOK_SECRET is not set.");
});
