import { TallyError } from "../errors.ts";
import { passedBackHeaders, type UpstreamResult } from "./send-upstream.ts";

/**
 * Answers a call whose provider did not answer.
 *
 * @throws {TallyError} PT502, PT504; a client that has left gets 499.
 */
export function answerNothing(
  kind: Exclude<UpstreamResult["kind"], "answer">,
): Response {
  switch (kind) {
    case "unsent":
    case "aborted":
      return new Response(null, { status: 499 });
    case "unreachable":
      throw new TallyError("PT502", "The provider cannot be reached.", {
        hint: "Try again in a moment; nothing was charged.",
      });
    case "timeout":
      throw new TallyError("PT504", "The provider did not answer in time.", {
        hint: "Ask for a stream, or for less.",
      });
  }
}

/** The provider's own answer, as it comes. */
export function passOnUntouched({ status, body, headers }: Response): Response {
  return new Response(body, { status, headers: passedBackHeaders(headers) });
}
