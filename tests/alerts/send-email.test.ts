import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";
import { afterEach, expect, test } from "vitest";
import {
  type EmailSettings,
  readAlertSettings,
} from "../../supabase/functions/_tally/alerts/alert-settings.ts";
import { sendEmail } from "../../supabase/functions/_tally/alerts/send-email.ts";
import { messageOf } from "./support.ts";

const FROM = "Tallybase <alerts@operator.test>";
const never = async () => {
  throw new Error("nothing may be posted");
};

function settingsOf(variables: Record<string, string>): EmailSettings {
  return readAlertSettings((name) => variables[name], "https://project.supabase.test").email;
}

test("through Resend: one plain-text e-mail, once however often it is sent", async () => {
  const posted: unknown[] = [];
  await sendEmail(messageOf(), {
    to: "ops@acme.test",
    settings: settingsOf({ RESEND_API_KEY: "re_key", TALLY_ALERTS_FROM: FROM }),
    timeoutMs: 1_000,
    postJson: async (url, body, headers) => {
      posted.push({ url: url.href, body: JSON.parse(body), headers });
    },
  });

  expect(posted).toEqual([
    {
      url: "https://api.resend.com/emails",
      body: {
        from: FROM,
        to: ["ops@acme.test"],
        subject: "Acme: 90% of the monthly cost limit is used",
        text: expect.stringContaining("$92.50 of $100.00 (92%) is used. It resets on 1 December"),
      },
      headers: {
        authorization: "Bearer re_key",
        "idempotency-key": `tallybase-alert/${messageOf().id}`,
      },
    },
  ]);
});

const servers: SMTPServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise<void>((done) => server.close(done));
});

/** An SMTP server of this test; `refuse` is the code that it answers each recipient with. */
async function startSmtp(refuse?: number): Promise<{ url: string; mails: string[] }> {
  const mails: string[] = [];
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    onAuth: ({ username, password }, _session, done) =>
      username === "tally" && password === "secret"
        ? done(null, { user: username })
        : done(new Error("wrong password")),
    onRcptTo: (_address, _session, done) =>
      done(refuse ? Object.assign(new Error("no"), { responseCode: refuse }) : null),
    onData: async (stream, session, done) => {
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      const recipients = session.envelope.rcptTo.map(({ address }) => address).join();
      mails.push(`to=${recipients}\n${Buffer.concat(chunks)}`);
      done();
    },
  });
  servers.push(server);
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.server.address() as AddressInfo;
  return { url: `smtp://tally:secret@127.0.0.1:${port}`, mails };
}

function sendBySmtp(url: string): Promise<void> {
  const settings = settingsOf({ SMTP_URL: url, TALLY_ALERTS_FROM: FROM });
  return sendEmail(messageOf(), {
    to: "ops@acme.test",
    settings,
    timeoutMs: 1_000,
    postJson: never,
  });
}

test("through SMTP: the id of the message is that of the delivery", async () => {
  const { mails, url } = await startSmtp();
  await sendBySmtp(url);

  expect(mails).toHaveLength(1);
  const [mail = ""] = mails;
  expect(mail).toContain("to=ops@acme.test\n");
  expect(mail).toContain(`From: ${FROM}`);
  expect(mail).toContain("Subject: Acme: 90% of the monthly cost limit is used");
  expect(mail).toContain(`Message-ID: <${messageOf().id}@alerts.tallybase>`);
  expect(mail).toContain("$92.50 of $100.00 (92%)");
});

test("a server that refuses, or is not there, is named without its words", async () => {
  const { url } = await startSmtp(550);

  await expect(sendBySmtp(url)).rejects.toThrow("The SMTP server answered 550.");
  await expect(sendBySmtp(url.replace("secret", "wrong"))).rejects.toThrow(
    "The SMTP server answered 535.",
  );
  await expect(sendBySmtp("smtp://127.0.0.1:1")).rejects.toThrow(
    "The SMTP server cannot be reached (ESOCKET).",
  );
});

test("what is missing is told in the outcome of each e-mail", async () => {
  const problemOf = (variables: Record<string, string>) =>
    sendEmail(messageOf(), {
      to: "ops@acme.test",
      settings: settingsOf(variables),
      timeoutMs: 1_000,
      postJson: never,
    });

  await expect(problemOf({})).rejects.toThrow("neither RESEND_API_KEY nor SMTP_URL is set");
  await expect(problemOf({ RESEND_API_KEY: "re_key" })).rejects.toThrow("TALLY_ALERTS_FROM");
  await expect(
    problemOf({ SMTP_URL: "mail.operator.test", TALLY_ALERTS_FROM: FROM }),
  ).rejects.toThrow("SMTP_URL is not a URL");
  await expect(
    problemOf({ RESEND_API_KEY: "k", TALLY_ALERTS_FROM: FROM, TALLY_RESEND_BASE_URL: "resend" }),
  ).rejects.toThrow("TALLY_RESEND_BASE_URL is not a URL");
});
