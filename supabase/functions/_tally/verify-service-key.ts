import type { TallyEnv } from "./env.ts";

/**
 * Whether a credential is one of the project's secret keys, compared in constant time.
 * The library is loaded only for something that can be one: a call with an API key never pays for it.
 */
export async function isServiceKey(
  credential: string,
  env: Pick<TallyEnv, "secretKeys" | "supabaseUrl">,
): Promise<boolean> {
  if (Object.keys(env.secretKeys).length === 0) return false;
  const { verifyCredentials } = await import("@supabase/server/core");
  const { error } = await verifyCredentials({ token: null, apikey: credential }, {
    auth: "secret:*",
    env: { url: env.supabaseUrl, secretKeys: env.secretKeys },
  });
  return error === null;
}
