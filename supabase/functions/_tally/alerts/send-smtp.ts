import { DeliveryFailure } from "./delivery.ts";
import type { Email } from "./send-email.ts";

/**
 * Hands an e-mail to an SMTP server.
 *
 * @param url `smtps://user:password@host` or `smtp://…` (upgraded by STARTTLS where offered)
 * @throws {DeliveryFailure}
 */
export async function sendSmtp(
  { id, from, to, subject, text }: Email,
  url: string,
  timeoutMs: number,
): Promise<void> {
  // Loaded only where SMTP is used: other installations start faster without it.
  const { createTransport } = await import("nodemailer");
  const transport = createTransport({
    url,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.sendMail({ from, to, subject, text, messageId: `<${id}@alerts.tallybase>` });
  } catch (error) {
    const { code, responseCode } = error as { code?: string; responseCode?: number };
    throw new DeliveryFailure(
      responseCode === undefined
        ? `The SMTP server cannot be reached${code === undefined ? "" : ` (${code})`}.`
        : `The SMTP server answered ${responseCode}.`,
    );
  } finally {
    transport.close();
  }
}
