import { denoSurroundings } from "../_tally/deno-surroundings.ts";
import { handleRequests } from "../_tally/handle-request.ts";
import type { FunctionDefinition } from "../_tally/handle-request.ts";

// Loaded while the connection is being opened.
const loading = import("../_tally/estimate-usage.ts").then((m) => m.createEstimateHandler());
const handle: FunctionDefinition["handle"] = async (context) => await (await loading)(context);

export default {
  fetch: handleRequests({ name: "estimate", scope: "estimate", handle }, denoSurroundings()),
};
