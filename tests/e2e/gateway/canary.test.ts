import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { toFile } from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { functionEnvironment } from "../../../packages/cli/src/functions/deno-environment.ts";
import {
  type RunningFunction,
  startFunction,
} from "../../../packages/cli/src/functions/start-function.ts";
import { providerSettings } from "../../../packages/cli/src/stack/provider-settings.ts";
import { createOrganization, marker, nextEvent, sql, stack } from "../functions/arrange.ts";
import { openClients } from "./arrange.ts";

const FUNCTION = fileURLToPath(new URL("../../../supabase/functions/gateway/", import.meta.url));

let directory: string;
let gateway: RunningFunction;

// A process of its own, so that all it writes can be read.
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tallybase-canary-"));
  const source = {
    name: "gateway",
    entrypoint: join(FUNCTION, "index.ts"),
    denoFlags: ["--config", join(FUNCTION, "deno.json")],
  };
  const env = functionEnvironment({
    SUPABASE_DB_URL: stack.DB_URL,
    SUPABASE_URL: stack.API_URL,
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: stack.SECRET_KEY }),
    ...providerSettings({}, stack.FAKE_PROVIDER_URL),
  });
  gateway = await startFunction(source, { env, logFile: join(directory, "log") });
});
afterAll(async () => {
  await gateway?.stop();
  await rm(directory, { recursive: true, force: true });
  await sql.end();
});

test("no word of a prompt or an answer, and no key, is in the database or the log", async () => {
  const organization = await createOrganization();
  const canary = marker();
  const key = `own-key-${marker()}`;
  const clients = openClients(organization.apiKey, `http://127.0.0.1:${gateway.port}/gateway`);
  const messages = [{ role: "user" as const, content: `${canary} [[fake words=4]]` }];
  const broken = [{ role: "user" as const, content: `${canary} [[fake words=9 break_after=2]]` }];
  const refused = [{ role: "user" as const, content: `${canary} [[fake status=500]]` }];
  const file = await toFile(Buffer.from(canary.repeat(100)), `${canary}.mp3`);
  const swallow = (work: Promise<unknown>) => work.catch(() => undefined);

  await clients.openai.chat.completions.create(
    { model: "gpt-4o-mini", messages },
    { headers: { "x-provider-key": key } },
  );
  await swallow(
    (async () => {
      const stream = await clients.anthropic.messages.create({
        model: "claude-sonnet-4-6",
        max_tokens: 40,
        messages: broken,
        stream: true,
      });
      for await (const _ of stream);
    })(),
  );
  await swallow(clients.xai.chat.completions.create({ model: "grok-4", messages: refused }));
  await swallow(clients.openai.chat.completions.create({ model: "gpt-4o-mini", messages, n: 0 }));
  await clients.google.models.generateContent({ model: "gemini-2.5-flash", contents: canary });
  await clients.openai.responses.create({ model: "gpt-5", input: canary, instructions: canary });
  await clients.openai.embeddings.create({ model: "text-embedding-3-small", input: canary });
  await clients.openai.images.generate({ model: "dall-e-3", prompt: canary });
  await clients.openai.audio.transcriptions.create({ model: "whisper-1", file, prompt: canary });
  await nextEvent(organization.id, 7);
  await gateway.stop();

  const log = await readFile(join(directory, "log"), "utf8");
  expect(log.match(/^\{.*"function":"gateway".*\}$/gm)).toHaveLength(9);
  const secrets = [canary, key, organization.apiKey];
  for (const secret of secrets) expect(log).not.toContain(secret);
  const tables = await sql<{ name: string }[]>`
    select format('%I.%I', schemaname, tablename) as name from pg_catalog.pg_tables
    where schemaname in ('public', 'tally')`;
  expect(tables.length).toBeGreaterThan(20);
  for (const { name } of tables) {
    const found = await sql.unsafe(
      `select 1 from ${name} as t where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0 limit 1`,
      [canary, key],
    );
    expect(found, name).toHaveLength(0);
  }
});
