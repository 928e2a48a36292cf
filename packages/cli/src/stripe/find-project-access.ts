import { CliError } from "../cli-error.ts";
import { findProject } from "../project/find-project.ts";
import { readRun } from "../state/run-file.ts";
import type { StripeAccess } from "./open-stripe.ts";

/** How a project is reached: the one that the environment names, or the running local stack. */
export interface ProjectAccess {
  url: string;
  secretKey: string;
  /** The fake Stripe of the local stack; null for a project elsewhere. */
  fakeStripeUrl: string | null;
}

/**
 * Finds the project that commands of an operator are for.
 *
 * @throws {CliError} when there is neither
 */
export function findProjectAccess(stateDir?: string): ProjectAccess {
  const { SUPABASE_URL: url, SUPABASE_SECRET_KEY: secretKey } = process.env;
  if (url && secretKey) return { url, secretKey, fakeStripeUrl: null };
  const info = readRun(findProject(".", stateDir).stateDir)?.info;
  if (info) {
    return { url: info.API_URL, secretKey: info.SECRET_KEY, fakeStripeUrl: info.FAKE_STRIPE_URL };
  }
  throw new CliError(
    "There is no project to work on.",
    "Set SUPABASE_URL and SUPABASE_SECRET_KEY, or start the local stack: npm start",
  );
}

/**
 * The account of Stripe that STRIPE_SECRET_KEY names; without one, the fake of the local stack.
 *
 * @param mayBeLive whether a key of live mode was asked for
 */
export function findStripeAccess(
  { fakeStripeUrl }: ProjectAccess,
  mayBeLive: boolean,
): StripeAccess {
  const apiKey = process.env.STRIPE_SECRET_KEY;
  const apiUrl = process.env.TALLY_STRIPE_API_URL ?? null;
  if (!apiKey) {
    if (fakeStripeUrl) return { apiKey: "sk_test_local", apiUrl: fakeStripeUrl };
    throw new CliError("STRIPE_SECRET_KEY is not set.", "It is in Stripe's dashboard: sk_test_…");
  }
  if (/^[sr]k_live_/.test(apiKey) && !mayBeLive) {
    throw new CliError(
      "STRIPE_SECRET_KEY is of live mode.",
      "Try it with a key of test mode first; add --live when you mean it.",
    );
  }
  return { apiKey, apiUrl };
}
