import { z } from "zod";
import type { ReadVariable } from "../env.ts";
import { TallyError } from "../errors.ts";
import type { RequestContext } from "../handle-request.ts";
import { parseJsonObject, readBody } from "../read-body.ts";
import { readRequestsPerSecond, readStripeSettings } from "./billing-settings.ts";
import { chooseSink } from "./choose-sink.ts";
import { limitFetch, limitRate, type MayGo } from "./limit-rate.ts";
import { mirrorCredit } from "./mirror-credit.ts";
import { openStripe, STRIPE_TIMEOUT_MS } from "./open-stripe.ts";
import { reconcileUsage } from "./reconcile-usage.ts";
import { reportUsage } from "./report-usage.ts";

const HOUR_MS = 3_600_000;
const wholeHour = z.iso.datetime({ offset: true }).refine(
  (text) => Date.parse(text) % HOUR_MS === 0,
  "must be a whole hour",
).transform((text) => new Date(text).toISOString());

const REQUEST = z.strictObject({
  reconcile: z.strictObject({
    organization_id: z.uuid().optional(),
    starts_at: wholeHour,
    ends_at: wholeHour,
    repair: z.boolean().default(false),
  }).optional(),
});

/**
 * `POST` with the secret key: reports what is due, and answers
 * `{ hours, prepared, delivered, postponed, refused, checked, mirrored }`. With
 * `{ "reconcile": { starts_at, ends_at, organization_id?, repair? } }` it compares with the sink's own
 * sums instead and answers `{ reconciliations: […] }`.
 */
export function answerReport(variable: ReadVariable) {
  // One for all runs of this instance: they may overlap.
  let mayGo: MayGo | undefined;
  return async (context: RequestContext): Promise<Response> => {
    context.allowMethods("POST");
    const actor = await context.authorize();
    if (actor.kind !== "service") {
      throw new TallyError("PT403", "Only the operator may report usage.", {
        hint: "Call it with the secret key, from a scheduler.",
      });
    }
    const { reconcile } = await readRequest(context.request);
    const { database, now } = context.deps;
    mayGo ??= limitRate(readRequestsPerSecond(variable));
    const fetch = limitFetch(context.deps.fetch, mayGo);
    const deps = { database, now, sink: chooseSink(variable, { fetch, now }) };
    if (reconcile === undefined) {
      const count = await reportUsage(deps);
      context.log.events = count.delivered;
      const mirrored = deps.sink.name.startsWith("stripe")
        ? await mirrorCredit({
          database,
          stripe: openStripe(readStripeSettings(variable), STRIPE_TIMEOUT_MS, fetch),
        })
        : 0;
      return Response.json({ ...count, mirrored });
    }
    const reconciliations = await reconcileUsage({
      ...(reconcile.organization_id !== undefined && { organizationId: reconcile.organization_id }),
      startsAt: reconcile.starts_at,
      endsAt: reconcile.ends_at,
      repair: reconcile.repair,
    }, deps);
    return Response.json({ reconciliations });
  };
}

async function readRequest(request: Request): Promise<z.infer<typeof REQUEST>> {
  const body = await readBody(request);
  if (body.byteLength === 0) return {};
  const parsed = REQUEST.safeParse(parseJsonObject(body));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TallyError("PT400", `${issue?.path.join(".") || "The request"}: ${issue?.message}.`, {
    details: issue?.path.join("."),
    hint: "Send nothing, or { reconcile: { starts_at, ends_at, organization_id?, repair? } }.",
  });
}
