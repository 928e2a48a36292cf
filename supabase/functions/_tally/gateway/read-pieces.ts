/** A stream of bytes, piece by piece. */
export interface PieceReader {
  /** The next piece, the reader's to keep; null: there are no more. */
  read(): Promise<Uint8Array | null>;
  cancel(): Promise<void>;
}

/** What the runtime reads at once by itself. */
const BUFFER_BYTES = 64 * 1024;

/**
 * Reads a stream through one buffer. Left to itself the runtime makes a buffer of 64 kB for each piece:
 * a stream of small ones spends more on those than on its bytes, and holds them until they are collected.
 */
export function readPieces(source: ReadableStream<Uint8Array>): PieceReader {
  const reader = openReader(source);
  if (!(reader instanceof ReadableStreamBYOBReader)) {
    return {
      read: async () => (await reader.read()).value ?? null,
      cancel: () => reader.cancel(),
    };
  }
  let buffer = new ArrayBuffer(BUFFER_BYTES);
  return {
    async read() {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (value === undefined) return null;
      buffer = value.buffer;
      return done ? null : value.slice();
    },
    cancel: () => reader.cancel(),
  };
}

/** A body that was made of something else than bytes from the network has no buffer to give. */
function openReader(source: ReadableStream<Uint8Array>) {
  try {
    return source.getReader({ mode: "byob" });
  } catch {
    return source.getReader();
  }
}
