import type { Database } from "../database.ts";
import { onlyRow } from "../database.ts";
import type { AlertSettings } from "./alert-settings.ts";
import { checkTarget, type ResolveHost } from "./check-target.ts";
import { type AlertData, DeliveryFailure, type Message } from "./delivery.ts";
import { describeAlert } from "./describe-alert.ts";
import { postJsonWith } from "./post-json.ts";
import { sendEmail } from "./send-email.ts";
import { sendSlack } from "./send-slack.ts";
import { sendWebhook } from "./send-webhook.ts";

/** What sending needs from outside. */
export interface DeliveryDeps {
  database: Database;
  fetch: typeof fetch;
  /** Milliseconds since 1970. */
  now: () => number;
  resolveHost: ResolveHost;
  settings: AlertSettings;
  /** How long a receiver may take to answer, in ms. */
  timeoutMs?: number;
}

/** What became of the deliveries that one call took on. */
export interface DeliveryCount {
  claimed: number;
  delivered: number;
  /** To be tried again. */
  failed: number;
  /** Given up. */
  dead: number;
}

/** A row of `tally.claim_alert_deliveries`. */
interface Claim {
  id: string;
  lease: string;
  channel_kind: "webhook" | "slack" | "email";
  address: string;
  /** Separated by spaces. */
  secrets: string;
  data: string;
}

const TIMEOUT_MS = 10_000;
/** With the time limit of one message, a batch is over well before its leases are. */
const BATCH_SIZE = 24;
const CONCURRENCY = 8;
/** No new batch is begun after so long, so that a call ends while its caller still waits. */
const TIME_LIMIT_MS = 25_000;

/**
 * Sends what is due, batch by batch. Any number of callers may do so at once: each delivery is
 * leased to one of them.
 */
export async function deliverAlerts(deps: DeliveryDeps): Promise<DeliveryCount> {
  const count: DeliveryCount = { claimed: 0, delivered: 0, failed: 0, dead: 0 };
  const startedAt = deps.now();
  do {
    const claims = await deps.database.query<Claim>(
      `select id, lease, channel_kind, address, secrets, data
       from tally.claim_alert_deliveries($1::text::integer)`,
      [String(BATCH_SIZE)],
    );
    if (claims.length === 0) break;
    count.claimed += claims.length;
    const waiting = claims.values();
    const work = async () => {
      for (const claim of waiting) {
        const state = await deliver(claim, deps);
        if (state === "delivered" || state === "dead") count[state]++;
        else count.failed++;
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
  } while (deps.now() - startedAt < TIME_LIMIT_MS);
  return count;
}

/** One attempt, and its outcome noted: delivered, pending, dead; lost when it took too long. */
async function deliver(claim: Claim, deps: DeliveryDeps): Promise<string> {
  let problem: string | null = null;
  try {
    await send(claim, deps);
  } catch (error) {
    if (!(error instanceof DeliveryFailure)) console.error(error);
    problem = error instanceof DeliveryFailure
      ? error.message
      : "Something went wrong on the sender's side.";
  }
  const rows = await deps.database.query<{ state: string }>(
    "select tally.finish_alert_delivery($1, $2, $3, $4) as state",
    [claim.id, claim.lease, problem === null, problem],
  );
  return onlyRow(rows).state;
}

async function send(claim: Claim, deps: DeliveryDeps): Promise<void> {
  const { settings, now, timeoutMs = TIMEOUT_MS } = deps;
  const alert = JSON.parse(claim.data) as AlertData;
  const message: Message = {
    id: claim.id,
    ...describeAlert(alert),
    alert,
    alertJson: claim.data,
  };
  const postJson = postJsonWith(deps.fetch, timeoutMs);
  if (claim.channel_kind === "email") {
    await sendEmail(message, { to: claim.address, settings: settings.email, postJson, timeoutMs });
    return;
  }
  const url = await checkTarget(claim.address, {
    allowsLoopback: settings.allowsLoopback,
    resolveHost: deps.resolveHost,
  });
  if (claim.channel_kind === "slack") await sendSlack(message, { url, postJson });
  else await sendWebhook(message, { url, secrets: claim.secrets.split(" "), now: now(), postJson });
}
