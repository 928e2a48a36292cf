import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Stripe from "stripe";
import { afterEach, beforeEach, expect, test } from "vitest";
import { arrange, connect, errorOf, NOON } from "./support.ts";

let world: Awaited<ReturnType<typeof arrange>>;
beforeEach(async () => {
  world = await arrange();
});
afterEach(() => world.fake.close());

const events = (count: number, value = "1") =>
  Array.from({ length: count }, (_, index) => ({
    event_name: "spend",
    identifier: `e${index}`,
    payload: { stripe_customer_id: world.customer.id, value },
    timestamp: new Date(NOON).toISOString(),
  }));
const total = () => world.fake.total("spend", world.customer.id, NOON);

test("a session lasts 15 minutes, a request holds 100 events", async () => {
  const session = await world.stripe.v2.billing.meterEventSession.create();
  const stream = connect(world.fake, session.authentication_token);
  await stream.v2.billing.meterEventStream.create({ events: events(100) });
  await stream.v2.billing.meterEventStream.create({ events: events(100) });
  expect(total()).toBe(100);
  expect(
    await errorOf(stream.v2.billing.meterEventStream.create({ events: events(101) })),
  ).toContain("at most 100");
  world.clock.now += 15 * 60_000;
  const late = stream.v2.billing.meterEventStream.create({ events: events(1) });
  await expect(late).rejects.toBeInstanceOf(Stripe.errors.TemporarySessionExpiredError);
});

test("what the stream cannot count is reported by a signed thin event", async () => {
  const received: { body: string; signature: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    received.push({ body, signature: String(request.headers["stripe-signature"]) });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  world.fake.account.webhooks.target = { url: `http://127.0.0.1:${port}`, secret: "whsec_test" };

  const session = await world.stripe.v2.billing.meterEventSession.create();
  const stream = connect(world.fake, session.authentication_token);
  await stream.v2.billing.meterEventStream.create(
    { events: events(2, "1.5") },
    { idempotencyKey: "request-1" },
  );
  await world.fake.account.webhooks.sendErrorReports();
  server.close();

  expect(total()).toBe(0);
  const [{ body, signature } = { body: "", signature: "" }] = received;
  const thin = await world.stripe.parseEventNotificationAsync(body, signature, "whsec_test");
  if (thin.type !== "v1.billing.meter.error_report_triggered") throw new Error(thin.type);
  expect(thin.related_object.id).toBe(world.meter.id);
  expect(JSON.parse(body)).not.toHaveProperty("data");
  const { data } = await thin.fetchEvent();
  expect(data.reason.error_types).toMatchObject([
    {
      code: "meter_event_invalid_value",
      error_count: 2,
      sample_errors: [
        { request: { identifier: "request-1" } },
        { request: { identifier: "request-1" } },
      ],
    },
  ]);
  await expect(
    world.stripe.webhooks.constructEventAsync(body, signature, "whsec_test"),
  ).rejects.toThrow();
});
