import { denoSurroundings } from "../_tally/deno-surroundings.ts";
import { handleRequests } from "../_tally/handle-request.ts";
import { trackUsage } from "../_tally/track-usage.ts";

export default {
  fetch: handleRequests({ name: "track", scope: "track", handle: trackUsage }, denoSurroundings()),
};
