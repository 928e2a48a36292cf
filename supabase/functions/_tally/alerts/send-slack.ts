import type { AlertData, Message } from "./delivery.ts";
import type { PostJson } from "./post-json.ts";

const SIGNS: Record<AlertData["level"], string> = {
  warning: ":large_yellow_circle:",
  critical: ":large_orange_circle:",
  exceeded: ":red_circle:",
};

/**
 * Sends a message to an incoming webhook of Slack, or of anything that takes the same JSON.
 *
 * @throws {DeliveryFailure}
 */
export async function sendSlack(
  message: Message,
  { url, postJson }: { url: URL; postJson: PostJson },
): Promise<void> {
  const { alert, text, title } = message;
  await postJson(
    url,
    JSON.stringify({
      text: `${SIGNS[alert.level]} *${escapeText(title)}*\n${escapeText(text)}`,
      unfurl_links: false,
    }),
  );
}

/** Slack's three; names are free text, and `<!channel>` would wake everybody. */
function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
