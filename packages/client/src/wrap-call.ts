import type { CallContext, Tracked } from "./meter-types.ts";
import type { Session } from "./session.ts";
import type { Estimate } from "./types.ts";

/** {@link meterCall}, loaded when the first call is wrapped: who only records never pays for it. */
export async function wrapCall<T>(
  session: Session,
  context: CallContext<Awaited<T>>,
  fn: () => T,
  estimate?: number | Estimate,
): Promise<Tracked<Awaited<T>>> {
  const { meterCall } = await import("./meter-call.ts");
  return meterCall(session, context, fn, estimate);
}
