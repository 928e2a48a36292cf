import { DeliveryFailure } from "./delivery.ts";

/** Sends a JSON text. Only the status of the answer is looked at: nothing of its body is kept. */
export type PostJson = (
  url: URL,
  body: string,
  headers?: Record<string, string>,
) => Promise<void>;

/**
 * Makes a {@link PostJson}. Redirects are failures: they could lead to where a target must not be.
 *
 * @param timeoutMs how long a receiver may take to answer
 */
export function postJsonWith(fetch: typeof globalThis.fetch, timeoutMs: number): PostJson {
  return async (url, body, headers = {}) => {
    let response: Response;
    try {
      response = await fetch(url, {
        method: "POST",
        body,
        headers: {
          "content-type": "application/json",
          "user-agent": "Tallybase-Alerts",
          ...headers,
        },
        redirect: "manual",
        signal: AbortSignal.timeout(timeoutMs),
      });
    } catch (error) {
      // The error's own words may hold the URL, which may be a key by itself.
      throw new DeliveryFailure(
        error instanceof DOMException && error.name === "TimeoutError"
          ? `No answer within ${timeoutMs / 1000} seconds.`
          : "The receiver cannot be reached.",
      );
    }
    await response.body?.cancel();
    if (!response.ok) throw new DeliveryFailure(`The receiver answered HTTP ${response.status}.`);
  };
}
