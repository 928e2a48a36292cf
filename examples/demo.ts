/**
 * `npm run demo`: a metered call through the gateway, the same as a stream, a call wrapped by the client,
 * and a quota that says no. It needs the running stack (`npm start`) and no provider's key: the
 * answers come from the fake provider, the prices, the ledger and the refusal are real.
 */
import { execFileSync } from "node:child_process";
import { createClient } from "@supabase/supabase-js";
import { createTallybase } from "@tallybase/client";
import OpenAI, { APIError } from "openai";

const stack = readStack();
const gateway = `${stack.FUNCTIONS_URL}/gateway/openai/v1`;
const operator = createClient(stack.API_URL, stack.SECRET_KEY, { auth: { persistSession: false } });
const organizationId = stack.DEMO_ORGANIZATION_ID;
const run = crypto.randomUUID();

const question: OpenAI.ChatCompletionCreateParamsNonStreaming = {
  model: "gpt-5-mini",
  max_completion_tokens: 60,
  messages: [{ role: "user", content: "What does a meter do?" }],
  user: run,
};

await callThroughGateway();
await streamThroughGateway();
await wrapCall();
await runIntoQuota();

/** The openai SDK, with another base URL and key: nothing else changes. */
async function callThroughGateway(): Promise<void> {
  title("openai SDK → gateway");
  const openai = new OpenAI({ baseURL: gateway, apiKey: stack.DEMO_API_KEY });
  const { data, response } = await openai.chat.completions.create(question).withResponse();
  line(data.model, data.usage, response.headers.get("x-tally-cost-usd"));
}

/** A stream is settled when it ends, so its cost is read from the ledger. */
async function streamThroughGateway(): Promise<void> {
  title("openai SDK → gateway, streamed");
  const openai = new OpenAI({ baseURL: gateway, apiKey: stack.DEMO_API_KEY });
  const { data: stream, response } = await openai.chat.completions
    .create({ ...question, stream: true })
    .withResponse();
  let words = 0;
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) words++;
  const id = response.headers.get("x-tally-usage-id");
  const { data: event } = await operator.rpc("usage_event", { id }).single<LedgerEntry>();
  if (!event) throw new Error(`The ledger has no event ${id}.`);
  line(event.model, event, event.cost_usd, `${words} words as they came`);
}

/** Any provider, called directly: held before, settled after by what the response says. */
async function wrapCall(): Promise<void> {
  title("tally.wrapWithTracking → Anthropic Messages API");
  const tally = createTallybase(operator, { organizationId });
  const { usage } = await tally.wrapWithTracking(
    { provider: "anthropic", model: "claude-sonnet-4-5", toolName: "demo" },
    () =>
      fetch(`${stack.FAKE_PROVIDER_URL}/anthropic/v1/messages`, {
        method: "POST",
        headers: { "x-api-key": "local", "anthropic-version": "2023-06-01" },
        body: JSON.stringify({
          model: "claude-sonnet-4-5",
          max_tokens: 60,
          messages: question.messages,
        }),
      }).then((response) => response.json()),
    { inputTokens: 30, maxOutputTokens: 60 },
  );
  line("claude-sonnet-4-5", usage, usage.costUsd);
}

/** An API key of its own with room for two calls: the third is refused, and the provider never hears of it. */
async function runIntoQuota(): Promise<void> {
  title("an API key with a quota of $0.001 a day");
  const key = await call<{ id: string; key: string }>("create_api_key", {
    organization_id: organizationId,
    name: `demo ${run}`,
  });
  const quotaId = await call<string>("set_quota", {
    organization_id: organizationId,
    quota_type: "daily",
    quota_limit: 0.001,
    scope: { api_key_id: key.id },
  });
  const openai = new OpenAI({ baseURL: gateway, apiKey: key.key });
  let seen = 0;
  try {
    for (;;) {
      seen = await countRequests();
      const answer = openai.chat.completions.create({ ...question, model: "gpt-5" });
      const { data, response } = await answer.withResponse();
      line(data.model, data.usage, response.headers.get("x-tally-cost-usd"));
    }
  } catch (error) {
    if (!(error instanceof APIError) || error.status !== 402) throw error;
    const [reason] = error.message.split(" Wait until");
    console.log(`  ${reason}`);
    console.log(
      `  The provider saw ${seen} requests before that, and ${await countRequests()} after.`,
    );
  } finally {
    await call("remove_quota", { quota_id: quotaId });
    await call("revoke_api_key", { api_key_id: key.id });
  }
}

interface LedgerEntry {
  model: string;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number | null;
}

async function call<Answer>(name: string, args: object): Promise<Answer> {
  const { data, error } = await operator.rpc(name, args);
  if (error) throw new Error(`${name}: ${error.message}`);
  return data as Answer;
}

/** How many calls of this run the provider has seen. */
async function countRequests(): Promise<number> {
  const response = await fetch(`${stack.FAKE_PROVIDER_URL}/__fake/requests?contains=${run}`);
  return ((await response.json()) as unknown[]).length;
}

function title(text: string): void {
  console.log(`\n${text}`);
}

/** Counts as OpenAI, the ledger and the client name them. */
interface Counts {
  prompt_tokens?: number;
  completion_tokens?: number;
  input_tokens?: number;
  output_tokens?: number;
  inputTokens?: number;
  outputTokens?: number;
}

function line(model: string, used: Counts = {}, cost: string | number | null = null, note = "") {
  const input = used.prompt_tokens ?? used.input_tokens ?? used.inputTokens ?? 0;
  const output = used.completion_tokens ?? used.output_tokens ?? used.outputTokens ?? 0;
  const tokens = `${input} tokens in, ${output} out`.padEnd(24);
  const amount = cost === null ? "no price" : `$${Number(cost).toFixed(8)}`;
  console.log(`  ${model.padEnd(18)} ${tokens} ${amount}  ${note}`.trimEnd());
}

function readStack(): Record<StackName, string> {
  if (process.env.SECRET_KEY) return process.env as Record<StackName, string>;
  const status = ["packages/cli/bin/tallybase.mjs", "status", "-o", "json"];
  try {
    const text = execFileSync(process.execPath, status, { encoding: "utf8" });
    return JSON.parse(text) as Record<StackName, string>;
  } catch {
    process.exit(1);
  }
}

type StackName =
  | "API_URL"
  | "FUNCTIONS_URL"
  | "FAKE_PROVIDER_URL"
  | "SECRET_KEY"
  | "DEMO_API_KEY"
  | "DEMO_ORGANIZATION_ID";
