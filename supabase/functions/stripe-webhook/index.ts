import { answerWebhook } from "../_tally/billing/answer-webhook.ts";
import { denoSurroundings } from "../_tally/deno-surroundings.ts";
import { handleRequests } from "../_tally/handle-request.ts";

const surroundings = denoSurroundings();

export default {
  fetch: handleRequests(
    // The scope is nobody's way in: only Stripe's signature is.
    { name: "stripe-webhook", scope: "track", handle: answerWebhook(surroundings.variable) },
    surroundings,
  ),
};
