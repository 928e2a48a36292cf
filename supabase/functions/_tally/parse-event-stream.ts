/** One event of a `text/event-stream`. */
export interface ServerSentEvent {
  /** The event's name; `message` where the stream names none. */
  event: string;
  /** The data lines, joined by newlines. */
  data: string;
}

/** Turns pieces of a stream into events, wherever the pieces were cut. */
export interface EventStreamParser {
  push(chunk: string | Uint8Array): void;
  /** Ends the stream; an event that its blank line never closed is handed out too. */
  end(): void;
}

/**
 * Parses server-sent events as they arrive: any cut (inside a character, a line end, a frame), CRLF
 * or LF or CR, comments, data of several lines, a byte order mark.
 *
 * @param onEvent Called once per event that has data, in order, during `push` or `end`.
 * @param onComment Called with the text of each comment.
 *
 * @example
 * ```ts
 * const parser = createEventStreamParser(({ data }) => console.log(data));
 * parser.push("data: one\n");
 * parser.push("\n"); // logs "one"
 * ```
 */
export function createEventStreamParser(
  onEvent: (event: ServerSentEvent) => void,
  onComment?: (text: string) => void,
): EventStreamParser {
  const decoder = new TextDecoder();
  // A line in pieces: searched and joined once, so that megabytes in one line stay linear.
  let pieces: string[] = [];
  let data: string[] = [];
  let name = "";
  let isAfterReturn = false;
  let isStart = true;

  function dispatch(): void {
    if (data.length > 0) onEvent({ event: name || "message", data: data.join("\n") });
    data = [];
    name = "";
  }

  function readLine(line: string): void {
    if (line === "") return dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return onComment?.(line.slice(1).trim());
    const key = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (key === "data") data.push(value);
    else if (key === "event") name = value;
  }

  function endLine(last: string): void {
    const line = pieces.length === 0 ? last : pieces.join("") + last;
    pieces = [];
    readLine(line);
  }

  function pushText(input: string): void {
    let text = input;
    if (isStart && text !== "") {
      if (text.startsWith("\uFEFF")) text = text.slice(1);
      isStart = false;
    }
    if (isAfterReturn && text !== "") {
      if (text.startsWith("\n")) text = text.slice(1);
      isAfterReturn = false;
    }
    let from = 0;
    for (const end of text.matchAll(/\r\n|\n|\r/g)) {
      endLine(text.slice(from, end.index));
      from = end.index + end[0].length;
      isAfterReturn = end[0] === "\r" && from === text.length;
    }
    if (from < text.length) pieces.push(text.slice(from));
  }

  return {
    push: (chunk) =>
      pushText(typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true })),
    end() {
      pushText(decoder.decode());
      if (pieces.length > 0) endLine("");
      dispatch();
    },
  };
}

/**
 * Reads a whole event stream.
 *
 * @param source The text, or a stream of its bytes; a stream is cancelled when the loop is left.
 * @param onComment Called with the text of each comment.
 */
export async function* parseEventStream(
  source: string | ReadableStream<Uint8Array>,
  onComment?: (text: string) => void,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  let ready: ServerSentEvent[] = [];
  const parser = createEventStreamParser((event) => ready.push(event), onComment);
  const take = () => {
    const taken = ready;
    ready = [];
    return taken;
  };
  if (typeof source === "string") {
    parser.push(source);
  } else {
    for await (const chunk of iterate(source)) {
      parser.push(chunk);
      yield* take();
    }
  }
  parser.end();
  yield* take();
}

/** Browsers without async iteration of streams are still around. */
async function* iterate(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  let isDone = false;
  try {
    while (true) {
      const { done, value } = await reader.read();
      isDone = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!isDone) await reader.cancel();
    reader.releaseLock();
  }
}
