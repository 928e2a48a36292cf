/**
 * Takes the frame that carries usage alone out of a stream of chat completions: we asked for it, the
 * caller did not, and code that reads `choices[0]` of every frame would break on it.
 */
export function hideUsageFrame(response: Response): Response {
  const isStream = /event-stream/.test(response.headers.get("content-type") ?? "");
  if (!response.ok || !response.body || !isStream) return response;
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let rest = "";
  const frames = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      rest += decoder.decode(chunk, { stream: true });
      const whole = rest.match(/[\s\S]*?\r?\n\r?\n/g) ?? [];
      rest = rest.slice(whole.join("").length);
      const kept = whole.filter((frame) => !isUsageOnly(frame)).join("");
      if (kept !== "") controller.enqueue(encoder.encode(kept));
    },
    flush(controller) {
      if (rest !== "") controller.enqueue(encoder.encode(rest + decoder.decode()));
    },
  });
  return new Response(response.body.pipeThrough(frames), response);
}

function isUsageOnly(frame: string): boolean {
  const [, data = ""] = /^data: ?(.*)$/m.exec(frame) ?? [];
  if (!/"choices":\s*\[\s*\]/.test(data)) return false;
  try {
    return Boolean(JSON.parse(data).usage);
  } catch {
    return false;
  }
}
