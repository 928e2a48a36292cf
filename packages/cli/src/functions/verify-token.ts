import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * Checks a session token as the platform does before it calls a function with `verify_jwt = true`:
 * signature (HS256) and expiry. API keys are no tokens and do not pass.
 */
export function isValidToken(token: string, secret: string, now = Date.now()): boolean {
  const [header, payload, signature, ...rest] = token.split(".");
  if (!header || !payload || !signature || rest.length > 0) return false;
  const expected = createHmac("sha256", secret).update(`${header}.${payload}`).digest();
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
  try {
    const { alg } = JSON.parse(Buffer.from(header, "base64url").toString());
    const { exp } = JSON.parse(Buffer.from(payload, "base64url").toString());
    return alg === "HS256" && typeof exp === "number" && exp * 1000 > now;
  } catch {
    return false;
  }
}
