import { afterEach, expect, test } from "vitest";
import { deliverAlerts } from "../../supabase/functions/_tally/alerts/deliver-alerts.ts";
import { fakeDatabase } from "../functions/support.ts";
import { alertOf, type Receiver, startReceiver } from "./support.ts";

const receivers: Receiver[] = [];
afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.close();
});

async function receive(answer?: Parameters<typeof startReceiver>[0]): Promise<Receiver> {
  const receiver = await startReceiver(answer);
  receivers.push(receiver);
  return receiver;
}

function claimOf(id: string, address: string, channel_kind = "webhook") {
  const secrets = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
  return {
    id,
    lease: `lease of ${id}`,
    channel_kind,
    address,
    secrets,
    data: JSON.stringify(alertOf()),
  };
}

/** Sends the batches; a failed attempt is the last of the deliveries named `last…`. */
async function deliver(batches: object[][], timeoutMs = 10_000) {
  const problems: Record<string, string | null> = {};
  const database = fakeDatabase({
    claim_alert_deliveries: () => batches.shift() ?? [],
    finish_alert_delivery: ({ parameters: [id, lease, ok, problem] }) => {
      expect(lease).toBe(`lease of ${id}`);
      expect(ok).toBe(problem === null);
      problems[String(id)] = problem as string | null;
      if (ok) return { state: "delivered" };
      return { state: String(id).startsWith("last") ? "dead" : "pending" };
    },
  });
  const count = await deliverAlerts({
    database,
    fetch,
    now: Date.now,
    resolveHost: async () => ["10.0.0.1"],
    settings: { allowsLoopback: true, email: { driver: "none", problem: "it is not set up" } },
    timeoutMs,
  });
  return { count, problems };
}

test("each outcome is counted and noted, in words that hold no address", async () => {
  const { url } = await receive(({ path }) => Number(path.split("/")[1]) || undefined);
  const gone = await startReceiver();
  await gone.close();
  const { count, problems } = await deliver([
    [
      claimOf("good", `${url}/200/secret-path`),
      claimOf("slack", `${url}/200/secret-path`, "slack"),
      claimOf("broken", `${url}/500/secret-path`),
      claimOf("moved", `${url}/302/secret-path`),
    ],
    [
      claimOf("last refused", `${url}/410/secret-path`),
      claimOf("nobody there", `${gone.url}/secret-path`),
      claimOf("inside", "https://intranet.acme.test/secret-path"),
      claimOf("mail", "ops@acme.test", "email"),
    ],
  ]);

  expect(count).toEqual({ claimed: 8, delivered: 2, failed: 5, dead: 1 });
  expect(problems).toEqual({
    good: null,
    slack: null,
    broken: "The receiver answered HTTP 500.",
    moved: "The receiver answered HTTP 302.",
    "last refused": "The receiver answered HTTP 410.",
    "nobody there": "The receiver cannot be reached.",
    inside: "The host of the target is inside a private network.",
    mail: "E-mail cannot be sent here: it is not set up.",
  });
});

test("a redirect is not followed", async () => {
  const { received, url } = await receive(() => 302);
  await deliver([[claimOf("moved", `${url}/here`)]]);

  expect(received.map(({ path }) => path)).toEqual(["/here"]);
});

test("a receiver that does not answer in time is a failure", async () => {
  const { url } = await receive(() => new Promise(() => {}));
  const { problems } = await deliver([[claimOf("silent", url)]], 50);

  expect(problems).toEqual({ silent: "No answer within 0.05 seconds." });
});

test("no more than eight messages are on their way at once", async () => {
  let open = 0;
  let most = 0;
  const { received, url } = await receive(async () => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setImmediate(resolve));
    open--;
    return 200;
  });
  const { count } = await deliver([
    Array.from({ length: 24 }, (_, index) => claimOf(`n${index}`, `${url}/${index}`)),
  ]);

  expect(count.delivered).toBe(24);
  expect(new Set(received.map(({ path }) => path)).size).toBe(24);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(8);
});

test("after its time a call takes on nothing new", async () => {
  let now = 0;
  const batches = Array.from({ length: 100 }, (_, index) => [
    claimOf(`n${index}`, "ops@acme.test", "email"),
  ]);
  const count = await deliverAlerts({
    database: fakeDatabase({
      claim_alert_deliveries: () => {
        now += 10_000;
        return batches.shift() ?? [];
      },
      finish_alert_delivery: () => ({ state: "pending" }),
    }),
    fetch,
    now: () => now,
    resolveHost: async () => [],
    settings: { allowsLoopback: false, email: { driver: "none", problem: "it is not set up" } },
  });

  expect(count).toEqual({ claimed: 3, delivered: 0, failed: 3, dead: 0 });
});
