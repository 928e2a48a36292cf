import type { TallyEnv } from "./env.ts";

/**
 * Whether a credential is one of the project's secret keys, compared in constant time.
 * The library is loaded only for something that can be one: other callers never pay for it.
 */
export async function isServiceKey(
  credential: string,
  env: Pick<TallyEnv, "secretKeys" | "supabaseUrl">,
): Promise<boolean> {
  const lengths = Object.values(env.secretKeys).map(({ length }) => length);
  if (!lengths.includes(credential.length)) return false;
  const { verifyCredentials } = await import("@supabase/server/core");
  const { error } = await verifyCredentials({ token: null, apikey: credential }, {
    auth: "secret:*",
    env: { url: env.supabaseUrl, secretKeys: env.secretKeys },
  });
  return error === null;
}
