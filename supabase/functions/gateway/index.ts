import { LearnedFactors } from "../_tally/count-learned.ts";
import { createTextCounter } from "../_tally/count-text.ts";
import { handleGateway, respondToGatewayError } from "../_tally/gateway/handle-gateway.ts";
import { denoSurroundings, handleRequests } from "../_tally/handle-request.ts";

const countText = createTextCounter();
const factors = new LearnedFactors();

export default {
  fetch: handleRequests({
    name: "gateway",
    scope: "gateway",
    handle: (context) => handleGateway(context, countText, factors),
    respondToError: respondToGatewayError,
  }, denoSurroundings()),
};
