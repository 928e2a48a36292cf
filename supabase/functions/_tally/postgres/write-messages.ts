/** One statement of a round trip. */
export interface Statement {
  text: string;
  parameters: readonly (string | number | boolean | null)[];
}

/** Writes what a client sends to Postgres, several messages at once. */
export class MessageWriter {
  readonly #encoder = new TextEncoder();
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** The first message of a connection. */
  startup(settings: Record<string, string>): void {
    this.#message(null, () => {
      this.#int32(PROTOCOL);
      for (const [name, value] of Object.entries(settings)) {
        this.#text(name);
        this.#text(value);
      }
      this.#byte(0);
    });
  }

  /** Asks the server to stop what a connection is doing; sent on a connection of its own. */
  cancel(processId: number, secret: number): void {
    this.#message(null, () => {
      this.#int32(CANCEL);
      this.#int32(processId);
      this.#int32(secret);
    });
  }

  password(password: string): void {
    this.#message("p", () => this.#text(password));
  }

  startSasl(mechanism: string, data: string): void {
    this.#message("p", () => {
      this.#text(mechanism);
      this.#value(data);
    });
  }

  continueSasl(data: string): void {
    this.#message("p", () => this.#characters(data));
  }

  parse(name: string, text: string): void {
    this.#message("P", () => {
      this.#text(name);
      this.#text(text);
      this.#int16(0);
    });
  }

  describe(name: string): void {
    this.#message("D", () => {
      this.#byte("S".charCodeAt(0));
      this.#text(name);
    });
  }

  /** Binds a statement's parameters, as text, and runs it. */
  run(name: string, parameters: Statement["parameters"]): void {
    this.#message("B", () => {
      this.#text("");
      this.#text(name);
      this.#int16(0);
      this.#int16(parameters.length);
      for (const value of parameters) {
        if (value === null) this.#int32(-1);
        else this.#value(String(value));
      }
      this.#int16(0);
    });
    this.#message("E", () => {
      this.#text("");
      this.#int32(0);
    });
  }

  /** Ends a round trip, and with it the transaction. */
  sync(): void {
    this.#message("S", () => {});
  }

  terminate(): void {
    this.#message("X", () => {});
  }

  /** Everything written since the last time. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return bytes;
  }

  /** Of a message without a type only the length and the content are sent. */
  #message(type: string | null, content: () => void): void {
    if (type !== null) this.#byte(type.charCodeAt(0));
    const start = this.#length;
    this.#int32(0);
    content();
    this.#view.setInt32(start, this.#length - start);
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  #int16(value: number): void {
    this.#reserve(2);
    this.#view.setUint16(this.#length, value);
    this.#length += 2;
  }

  #int32(value: number): void {
    this.#reserve(4);
    this.#view.setInt32(this.#length, value);
    this.#length += 4;
  }

  /** A text that ends with a zero. */
  #text(text: string): void {
    this.#characters(text);
    this.#byte(0);
  }

  /** A text after its length. */
  #value(text: string): void {
    const start = this.#length;
    this.#int32(0);
    this.#characters(text);
    this.#view.setInt32(start, this.#length - start - 4);
  }

  #characters(text: string): void {
    this.#reserve(text.length * 3);
    this.#length += this.#encoder.encodeInto(text, this.#bytes.subarray(this.#length)).written;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + size));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

const PROTOCOL = 3 << 16;
const CANCEL = 80_877_102;
