import { LearnedFactors } from "../_tally/count-learned.ts";
import { createTextCounter } from "../_tally/count-text.ts";
import { handleGateway, respondToGatewayError } from "../_tally/gateway/handle-gateway.ts";
import { KnownKeys } from "../_tally/gateway/known-keys.ts";
import { denoSurroundings } from "../_tally/deno-surroundings.ts";
import { handleRequests } from "../_tally/handle-request.ts";

const memory = {
  countText: createTextCounter(),
  factors: new LearnedFactors(),
  keys: new KnownKeys(),
};

export default {
  fetch: handleRequests({
    name: "gateway",
    scope: "gateway",
    handle: (context) => handleGateway(context, memory),
    respondToError: respondToGatewayError,
  }, denoSurroundings()),
};
