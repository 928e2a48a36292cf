/** A stream of bytes, piece by piece. */
export interface PieceReader {
  /** The next piece, the reader's to keep; null: there are no more. */
  read(): Promise<Uint8Array<ArrayBuffer> | null>;
  cancel(): Promise<void>;
}

/** Most requests, answers and frames are smaller. */
const FIRST_BUFFER_BYTES = 4 * 1024;
/** What the runtime reads at once by itself. */
const LARGEST_BUFFER_BYTES = 64 * 1024;

/**
 * Reads a stream through one buffer, which grows with its pieces. Left to itself the runtime makes a
 * buffer of 64 kB for each piece: a stream of small ones spends more on those than on its bytes, and
 * holds them until they are collected.
 */
export function readPieces(source: ReadableStream<Uint8Array>): PieceReader {
  const reader = openReader(source);
  if (!(reader instanceof ReadableStreamBYOBReader)) {
    return {
      read: async () => ((await reader.read()).value ?? null) as Uint8Array<ArrayBuffer> | null,
      cancel: () => reader.cancel(),
    };
  }
  let buffer = new ArrayBuffer(FIRST_BUFFER_BYTES);
  return {
    async read() {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (value === undefined) return null;
      buffer = value.buffer;
      if (done) return null;
      const piece = value.slice();
      if (piece.length === buffer.byteLength && piece.length < LARGEST_BUFFER_BYTES) {
        buffer = new ArrayBuffer(buffer.byteLength * 2);
      }
      return piece;
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
