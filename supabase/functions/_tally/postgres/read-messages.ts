/** A socket as Deno gives it. */
export interface Socket {
  /** Null at the end. */
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** One message of the server. Its fields are read in order. */
export class Message {
  readonly type: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #decoder: TextDecoder;
  #at = 0;

  constructor(type: string, bytes: Uint8Array, decoder: TextDecoder) {
    this.type = type;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#decoder = decoder;
  }

  byte(): number {
    return this.#view.getUint8(this.#at++);
  }

  int16(): number {
    this.#at += 2;
    return this.#view.getInt16(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#view.getInt32(this.#at - 4);
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  /** A text that ends with a zero. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    const text = this.characters(end - this.#at);
    this.#at++;
    return text;
  }

  characters(length = this.#bytes.length - this.#at): string {
    this.#at += length;
    return this.#decoder.decode(this.#bytes.subarray(this.#at - length, this.#at));
  }

  take(length: number): Uint8Array {
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }
}

const HEADER = 5;

/** Reads a socket message by message. A message is good until the next one is asked for. */
export class MessageReader {
  readonly #socket: Socket;
  // A value that begins with a byte order mark keeps it.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #bytes = new Uint8Array(16_384);
  #start = 0;
  #end = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** The next message if it is here already. */
  next(): Message | undefined {
    const size = this.#sizeOfNext();
    if (this.#end - this.#start < size) return undefined;
    const type = String.fromCharCode(this.#bytes[this.#start] as number);
    const content = this.#bytes.subarray(this.#start + HEADER, this.#start + size);
    this.#start += size;
    return new Message(type, content, this.#decoder);
  }

  /** Waits for more; false at the end of the connection. */
  async more(): Promise<boolean> {
    this.#bytes.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    const size = this.#sizeOfNext();
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(size, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#end));
      this.#bytes = larger;
    }
    const count = await this.#socket.read(this.#bytes.subarray(this.#end));
    if (count === null) return false;
    this.#end += count;
    return true;
  }

  /** With its header, as far as that is known. */
  #sizeOfNext(): number {
    if (this.#end - this.#start < HEADER) return HEADER;
    const view = new DataView(this.#bytes.buffer, this.#start + 1, 4);
    return view.getInt32(0) + 1;
  }
}
