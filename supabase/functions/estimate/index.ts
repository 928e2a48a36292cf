import { LearnedFactors } from "../_tally/count-learned.ts";
import { createTextCounter } from "../_tally/count-text.ts";
import { answerEstimate } from "../_tally/estimate-usage.ts";
import { denoSurroundings, handleRequests } from "../_tally/handle-request.ts";

const countText = createTextCounter();
const factors = new LearnedFactors();

export default {
  fetch: handleRequests({
    name: "estimate",
    scope: "estimate",
    handle: (context) => answerEstimate(context, countText, factors),
  }, denoSurroundings()),
};
