import { answerReport } from "../_tally/billing/answer-report.ts";
import { denoSurroundings } from "../_tally/deno-surroundings.ts";
import { handleRequests } from "../_tally/handle-request.ts";

const surroundings = denoSurroundings();

export default {
  fetch: handleRequests(
    // The scope is nobody's way in: only the secret key is.
    { name: "stripe-report", scope: "track", handle: answerReport(surroundings.variable) },
    surroundings,
  ),
};
