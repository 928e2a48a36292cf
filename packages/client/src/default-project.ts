import { createTallybase } from "./create-tallybase.ts";
import { TallybaseError } from "./errors.ts";
import type { TallybaseOptions } from "./session.ts";
import type { Tallybase } from "./tallybase.ts";
import type { Connection } from "./transport.ts";

let configured: Tallybase | undefined;

/**
 * Names the project of every function that is given none: {@link executeWithTracking},
 * {@link getQuotaStatus}, {@link meterOpenAI} … Without it they read `SUPABASE_URL` and
 * `SUPABASE_SECRET_KEY` from the environment, where there is one.
 *
 * @param project - A client, or what to make one of.
 * @returns The client.
 *
 * @example
 * ```ts
 * configureTallybase({ url, key, organizationId });
 * const answer = await executeWithTracking(
 *   { provider: "openai", model: "gpt-5.4-mini", messages: [{ role: "user", content: "Hello!" }] },
 *   { toolName: "chat" },
 * );
 * ```
 */
export function configureTallybase(
  project: Tallybase | (Connection & TallybaseOptions),
): Tallybase {
  configured = "wrapWithTracking" in project ? project : createTallybase(project);
  return configured;
}

/** The project of a caller who named none. */
export function defaultProject(): Tallybase {
  configured ??= fromEnvironment();
  return configured;
}

function fromEnvironment(): Tallybase {
  const { process } = globalThis as {
    process?: { env?: Record<string, string | undefined> | undefined };
  };
  const env = process?.env ?? {};
  const url = env.SUPABASE_URL;
  const key = env.SUPABASE_SECRET_KEY ?? env.SUPABASE_SERVICE_ROLE_KEY;
  if (url && key) return createTallybase({ url, key });
  throw new TallybaseError("No project is configured.", {
    code: "TALLY_UNSUPPORTED",
    status: 0,
    hint: "Call configureTallybase({ url, key }) once, or set SUPABASE_URL and SUPABASE_SECRET_KEY.",
  });
}
