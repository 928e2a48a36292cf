import { rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SMTPServer } from "smtp-server";
import { afterAll, expect, test, vi } from "vitest";
import { functionEnvironment } from "../../../packages/cli/src/functions/deno-environment.ts";
import { startFunction } from "../../../packages/cli/src/functions/start-function.ts";
import {
  createTenant,
  crossThresholds,
  deliveriesOf,
  dispatch,
  skipWait,
  sql,
  stack,
} from "./arrange.ts";

const FUNCTION = fileURLToPath(new URL("../../../supabase/functions/alerts", import.meta.url));

afterAll(() => sql.end());

test("the function hands e-mail to an SMTP server, under the runtime it is deployed on", async () => {
  const mails: string[] = [];
  const smtp = new SMTPServer({
    disabledCommands: ["STARTTLS", "AUTH"],
    onData: async (stream, { envelope }, done) => {
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      mails.push(`${envelope.rcptTo[0]?.address}\n${Buffer.concat(chunks)}`);
      done();
    },
  });
  await new Promise<void>((ready) => smtp.listen(0, "127.0.0.1", ready));
  const { port } = smtp.server.address() as AddressInfo;
  const logFile = join(tmpdir(), `tallybase-alerts-${port}.log`);
  // The stack's own function knows no SMTP server, so this is a second one beside it.
  const alerts = await startFunction(
    {
      name: "alerts",
      entrypoint: join(FUNCTION, "index.ts"),
      denoFlags: ["--config", join(FUNCTION, "deno.json")],
    },
    {
      logFile,
      env: functionEnvironment({
        SUPABASE_URL: stack.API_URL,
        SUPABASE_DB_URL: stack.DB_URL,
        SUPABASE_SECRET_KEY: stack.SECRET_KEY,
        SMTP_URL: `smtp://127.0.0.1:${port}`,
        TALLY_ALERTS_FROM: "Tallybase <alerts@operator.test>",
      }),
    },
  );
  try {
    const tenant = await createTenant();
    await sql`
      select public.set_alert_channel(${tenant.organizationId}, 'email', 'ops@acme.test', levels => '{exceeded}')`;
    await crossThresholds(tenant);
    await vi.waitFor(
      async () => {
        await skipWait(tenant.organizationId);
        await dispatch(`http://127.0.0.1:${alerts.port}/alerts`);
        expect(await deliveriesOf(tenant.organizationId)).toEqual({ delivered: 1 });
      },
      { timeout: 20_000, interval: 100 },
    );
    expect(mails).toHaveLength(1);
    expect(mails[0]).toMatch(/^ops@acme\.test\n/);
    expect(mails[0]).toContain("Subject: Functions under test: the daily request limit is used up");
  } finally {
    await alerts.stop();
    await new Promise<void>((done) => smtp.close(done));
    await rm(logFile);
  }
});
