/** How long pieces that follow each other closely are gathered, in ms: no reader of a model notices it. */
const GATHER_MS = 1;
/** So many bytes are worth a write of their own. */
const ENOUGH_BYTES = 16 * 1024;

/**
 * Lets the pieces of a stream leave together where they come close upon each other: each by itself would
 * be a write here and a wake-up at the client. A piece that follows a pause leaves at once.
 */
export class PieceGatherer {
  readonly #send: (bytes: Uint8Array) => void;
  #pieces: Uint8Array[] = [];
  #size = 0;
  #sentAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: (bytes: Uint8Array) => void) {
    this.#send = send;
  }

  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#size += piece.length;
  }

  /** Sends what is there, or sees to it that it is sent in a moment; whether something was sent. */
  pass(): boolean {
    if (this.#size === 0) return false;
    if (this.#size >= ENOUGH_BYTES || performance.now() - this.#sentAt >= GATHER_MS) {
      this.flush();
      return true;
    }
    this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
    return false;
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#size === 0) return;
    const bytes = join(this.#pieces, this.#size);
    this.#pieces = [];
    this.#size = 0;
    this.#send(bytes);
    this.#sentAt = performance.now();
  }

  /** Nobody takes anything any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#pieces = [];
    this.#size = 0;
  }
}

function join(pieces: Uint8Array[], size: number): Uint8Array {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return first;
  const joined = new Uint8Array(size);
  let offset = 0;
  for (const piece of pieces) {
    joined.set(piece, offset);
    offset += piece.length;
  }
  return joined;
}
