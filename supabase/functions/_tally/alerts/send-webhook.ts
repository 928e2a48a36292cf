import { Webhook } from "standardwebhooks";
import type { Message } from "./delivery.ts";
import type { PostJson } from "./post-json.ts";

/**
 * Sends a message as Standard Webhooks say: signed with each secret, so that a receiver may change
 * from one to the next in its own time.
 *
 * @param secrets `whsec_…`, the newest first
 * @param now milliseconds since 1970
 * @throws {DeliveryFailure}
 */
export async function sendWebhook(
  message: Message,
  { url, secrets, now, postJson }: { url: URL; secrets: string[]; now: number; postJson: PostJson },
): Promise<void> {
  const body = webhookBody(message);
  await postJson(url, body, {
    "webhook-id": message.id,
    "webhook-timestamp": String(Math.floor(now / 1000)),
    "webhook-signature": secrets
      .map((secret) => new Webhook(secret).sign(message.id, new Date(now), body))
      .join(" "),
  });
}

/** Put together from texts: a number that is parsed and written again may lose digits. */
function webhookBody({ alert, alertJson, text, title }: Message): string {
  const head = JSON.stringify({
    type: `alert.${alert.kind}`,
    timestamp: new Date(alert.created_at).toISOString(),
    title,
    text,
  });
  return `${head.slice(0, -1)},"data":${alertJson}}`;
}
