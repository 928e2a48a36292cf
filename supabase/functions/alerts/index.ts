import { answerDispatch } from "../_tally/alerts/answer-dispatch.ts";
import { denoSurroundings } from "../_tally/deno-surroundings.ts";
import { handleRequests } from "../_tally/handle-request.ts";

const surroundings = denoSurroundings();

export default {
  fetch: handleRequests(
    // The scope is nobody's way in: only the secret key is.
    { name: "alerts", scope: "track", handle: answerDispatch(surroundings.variable) },
    surroundings,
  ),
};
