import { expect, test } from "vitest";
import { sendSlack } from "../../supabase/functions/_tally/alerts/send-slack.ts";
import { messageOf } from "./support.ts";

async function bodyOf(message = messageOf()): Promise<unknown> {
  let sent = "";
  const url = new URL("https://hooks.slack.test/services/T/B/x");
  await sendSlack(message, {
    url,
    postJson: async (to, body) => {
      expect(to).toBe(url);
      sent = body;
    },
  });
  return JSON.parse(sent);
}

test("a sign for the level, the title in bold, then the text", async () => {
  expect(await bodyOf()).toEqual({
    text:
      ":large_orange_circle: *Acme: 90% of the monthly cost limit is used*\n" +
      "$92.50 of $100.00 (92%) is used. It resets on 1 December 2026 at 00:00 (UTC).",
    unfurl_links: false,
  });
  expect(await bodyOf(messageOf({ level: "exceeded" }))).toHaveProperty(
    "text",
    expect.stringMatching(/^:red_circle: /),
  );
});

test("a name cannot wake the channel or pretend to be a link", async () => {
  const message = messageOf({ organization_name: "<!channel> A&B <https://evil.test|Acme>" });

  expect(await bodyOf(message)).toHaveProperty(
    "text",
    expect.stringContaining("&lt;!channel&gt; A&amp;B &lt;https://evil.test|Acme&gt;:"),
  );
});
