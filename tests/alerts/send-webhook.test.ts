import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { sendWebhook } from "../../supabase/functions/_tally/alerts/send-webhook.ts";
import { messageOf } from "./support.ts";

const OLD = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const NEW = `whsec_${Buffer.alloc(32, 2).toString("base64")}`;

async function sendTo(secrets: string[], message = messageOf(), now = Date.now()) {
  const sent: { url: URL; body: string; headers: Record<string, string> }[] = [];
  await sendWebhook(message, {
    url: new URL("https://hooks.acme.test/a"),
    secrets,
    now,
    postJson: async (url, body, headers = {}) => {
      sent.push({ url, body, headers });
    },
  });
  const [request] = sent;
  if (!request) throw new Error("nothing was sent");
  return request;
}

test("the signature is HMAC-SHA256 of id, time and body, as the specification has it", async () => {
  const message = messageOf();
  const { body, headers } = await sendTo([NEW], message, Date.parse("2026-11-23T10:15:30.900Z"));
  const key = Buffer.from(NEW.slice("whsec_".length), "base64");
  const signed = `${message.id}.1795428930.${body}`;

  expect(headers).toEqual({
    "webhook-id": message.id,
    "webhook-timestamp": "1795428930",
    "webhook-signature": `v1,${createHmac("sha256", key).update(signed).digest("base64")}`,
  });
});

test("receivers verify it with their library, by the new secret or by the former one", async () => {
  const { body, headers } = await sendTo([NEW, OLD]);

  for (const secret of [NEW, OLD]) {
    expect(new Webhook(secret).verify(body, headers)).toMatchObject({ type: "alert.threshold" });
  }
  const stranger = new Webhook(`whsec_${Buffer.alloc(32, 3).toString("base64")}`);
  expect(() => stranger.verify(body, headers)).toThrow("No matching signature");
  expect(() => new Webhook(NEW).verify(body.replace("92.5", "9.25"), headers)).toThrow();
});

test("the body has the alert as the database wrote it, every digit kept", async () => {
  const exact = '{"quota_limit": 12345678901234567890.123456789, "kind": "threshold"}';
  const { body } = await sendTo([NEW], { ...messageOf(), alertJson: exact });

  expect(body).toContain(exact);
  expect(JSON.parse(body)).toEqual({
    type: "alert.threshold",
    timestamp: "2026-11-23T10:15:00.000Z",
    title: "Acme: 90% of the monthly cost limit is used",
    text: "$92.50 of $100.00 (92%) is used. It resets on 1 December 2026 at 00:00 (UTC).",
    data: JSON.parse(exact),
  });
});
