/**
 * A process that reports until nothing is due, for tests that kill it. Prints `done` when it is through.
 * Environment: DATABASE_URL, STRIPE_URL, AT (the moment of its statements).
 */
import { openStripe } from "../../../supabase/functions/_tally/billing/open-stripe.ts";
import { reportUsage } from "../../../supabase/functions/_tally/billing/report-usage.ts";
import { stripeSink } from "../../../supabase/functions/_tally/billing/stripe-sink.ts";
import { openDatabase } from "../../../supabase/functions/_tally/database.ts";

const { DATABASE_URL = "", STRIPE_URL = "", AT = "" } = process.env;
const database = openDatabase(DATABASE_URL, 4);
const settings = { apiKey: "sk_test_fake", apiUrl: new URL(STRIPE_URL) };
const sink = stripeSink(openStripe(settings));
await reportUsage({ database, sink, now: () => performance.now(), at: () => AT });
console.log("done");
process.exit(0);
