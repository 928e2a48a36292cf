import type Stripe from "stripe";
import type { Database } from "../database.ts";
import { classifyFailure } from "./classify-failure.ts";

/** A row of `tally.claim_credit_grants`. */
interface CreditGrant {
  organization_id: string;
  grant_id: string;
  stripe_customer_id: string;
  cents: string;
  category: "paid" | "promotional";
  priority: number;
  expires_at: string | null;
  attempts: number;
}

/** What mirroring needs from outside. */
export interface MirrorDeps {
  database: Database;
  stripe: Stripe;
  /** The moment of the statements, ISO 8601; the database's own clock when absent. */
  at?: () => string;
}

const CLAIM = `select organization_id, grant_id, stripe_customer_id, cents, category, priority,
    to_json(expires_at)#>>'{}' as expires_at, attempts
  from tally.claim_credit_grants($1::text::integer, coalesce($2::text::timestamptz, now()))`;
const FINISH = "select tally.finish_credit_grant($1::text::uuid, $2::text::uuid, $3, $4)";
const GRANTS_AT_ONCE = 20;
/** The name of our id among the metadata of Stripe's grant. */
const OUR_ID = "tallybase_grant_id";

/** Grants in Stripe what was granted here, for organizations that want it; answers how many. */
export async function mirrorCredit({ database, stripe, at }: MirrorDeps): Promise<number> {
  const grants = await database.query<CreditGrant>(CLAIM, [GRANTS_AT_ONCE, at?.() ?? null]);
  let mirrored = 0;
  for (const grant of grants) {
    let id: string | null = null;
    let problem: string | null = null;
    try {
      id = (await findGrant(stripe, grant)) ?? (await createGrant(stripe, grant));
      mirrored++;
    } catch (error) {
      problem = classifyFailure(error, true).error ?? "unknown";
    }
    await database.query(FINISH, [grant.organization_id, grant.grant_id, id, problem]);
  }
  return mirrored;
}

/** What an earlier attempt has made without our knowing: keys are forgotten, metadata is not. */
async function findGrant(stripe: Stripe, grant: CreditGrant): Promise<string | null> {
  if (grant.attempts === 1) return null;
  const customer = grant.stripe_customer_id;
  for await (const candidate of stripe.billing.creditGrants.list({ customer, limit: 100 })) {
    if (candidate.metadata[OUR_ID] === grant.grant_id) return candidate.id;
  }
  return null;
}

async function createGrant(stripe: Stripe, grant: CreditGrant): Promise<string> {
  const { id } = await stripe.billing.creditGrants.create(
    {
      customer: grant.stripe_customer_id,
      amount: { type: "monetary", monetary: { currency: "usd", value: Number(grant.cents) } },
      applicability_config: { scope: { price_type: "metered" } },
      category: grant.category,
      priority: grant.priority,
      ...(grant.expires_at !== null && {
        expires_at: Math.floor(Date.parse(grant.expires_at) / 1000),
      }),
      metadata: { [OUR_ID]: grant.grant_id },
    },
    // Another one each time: a stored 500 would be repeated. What it hides is found by its metadata.
    { idempotencyKey: `tally_credit_${grant.grant_id}:${grant.attempts}` },
  );
  return id;
}
