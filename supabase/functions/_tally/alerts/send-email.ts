import type { EmailSettings } from "./alert-settings.ts";
import { DeliveryFailure, type Message } from "./delivery.ts";
import type { PostJson } from "./post-json.ts";
import { sendSmtp } from "./send-smtp.ts";

/** What an e-mail is made of, whichever way it leaves. */
export interface Email {
  /** Of the message: a repeated e-mail is known by it. */
  id: string;
  from: string;
  to: string;
  subject: string;
  text: string;
}

/**
 * Sends a message as plain text.
 *
 * @throws {DeliveryFailure}
 */
export async function sendEmail(
  message: Message,
  { to, settings, postJson, timeoutMs }: {
    to: string;
    settings: EmailSettings;
    postJson: PostJson;
    timeoutMs: number;
  },
): Promise<void> {
  if (settings.driver === "none") {
    throw new DeliveryFailure(`E-mail cannot be sent here: ${settings.problem}.`);
  }
  const email: Email = {
    id: message.id,
    from: settings.from,
    to,
    subject: message.title,
    text: `${message.title}.\n\n${message.text}\n\n--\n` +
      "You get this because your address is an alert channel of this organization. Its admins can change that.\n",
  };
  if (settings.driver === "smtp") await sendSmtp(email, settings.url, timeoutMs);
  else await sendResend(email, settings, postJson);
}

async function sendResend(
  { id, from, to, subject, text }: Email,
  { apiKey, url }: Extract<EmailSettings, { driver: "resend" }>,
  postJson: PostJson,
): Promise<void> {
  await postJson(url, JSON.stringify({ from, to: [to], subject, text }), {
    authorization: `Bearer ${apiKey}`,
    // Resend sends one e-mail for one key within a day.
    "idempotency-key": `tallybase-alert/${id}`,
  });
}
