import { type Message } from "./read-messages.ts";
import { PostgresError } from "./read-values.ts";
import type { MessageWriter } from "./write-messages.ts";

/** Who signs in. */
export interface Credentials {
  user: string;
  password: string;
}

const OK = 0;
const CLEARTEXT = 3;
const MD5 = 5;
const SASL = 10;
const SASL_CONTINUE = 11;
const SASL_FINAL = 12;
const SCRAM = "SCRAM-SHA-256";

/**
 * Answers what a server asks before it lets a client in: nothing, a password, its MD5, or a proof of
 * it (SCRAM, RFC 5802), which does not show it to the server and has the server prove that it knows it.
 */
export class SignIn {
  readonly #credentials: Credentials;
  readonly #nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(18))));
  #expected: string | undefined;
  /** A proof was begun, and the server has not given its own yet. */
  #owesProof = false;

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  /** Takes a message of the type R and writes the answer. */
  async answer(message: Message, writer: MessageWriter): Promise<void> {
    const { user, password } = this.#credentials;
    const asked = message.int32();
    switch (asked) {
      case OK:
        if (this.#owesProof) break;
        return;
      case CLEARTEXT:
        return writer.password(password);
      case MD5:
        return writer.password(await md5Proof(user, password, message.take(4)));
      case SASL: {
        const mechanisms = message.characters().split("\0");
        if (!mechanisms.includes(SCRAM)) break;
        this.#owesProof = true;
        return writer.startSasl(SCRAM, `n,,n=*,r=${this.#nonce}`);
      }
      case SASL_CONTINUE: {
        const { proof, expected } = await this.#prove(message.characters(), password);
        this.#expected = expected;
        return writer.continueSasl(proof);
      }
      case SASL_FINAL:
        if (
          this.#expected !== undefined &&
          message.characters().split(",")[0] === `v=${this.#expected}`
        ) {
          this.#owesProof = false;
          return;
        }
        throw refused("The server does not know the password that it asked for.");
    }
    throw refused("The server asks for a way of signing in that is not known here.");
  }

  async #prove(challenge: string, password: string) {
    const { r: nonce = "", s: salt = "", i: iterations } = Object.fromEntries(
      challenge.split(",").map((part) => [part[0], part.slice(2)]),
    );
    if (!nonce.startsWith(this.#nonce)) throw refused("The server's challenge is not an answer.");
    const salted = await crypto.subtle.deriveBits(
      { name: "PBKDF2", hash: "SHA-256", salt: fromBase64(salt), iterations: Number(iterations) },
      await crypto.subtle.importKey("raw", bytesOf(password), "PBKDF2", false, ["deriveBits"]),
      256,
    );
    const unproven = `c=biws,r=${nonce}`;
    const exchanged = `n=*,r=${this.#nonce},${challenge},${unproven}`;
    const clientKey = await sign(salted, "Client Key");
    const signature = await sign(await crypto.subtle.digest("SHA-256", clientKey), exchanged);
    const proof = clientKey.map((byte, at) => byte ^ (signature[at] as number));
    const expected = await sign(await sign(salted, "Server Key"), exchanged);
    return { proof: `${unproven},p=${toBase64(proof)}`, expected: toBase64(expected) };
  }
}

/** As libpq makes it. Web crypto has no MD5; servers set up in this century rarely ask for it. */
async function md5Proof(user: string, password: string, salt: Uint8Array): Promise<string> {
  const { createHash } = await import("node:crypto");
  const inner = createHash("md5").update(password + user).digest("hex");
  return `md5${createHash("md5").update(inner).update(salt).digest("hex")}`;
}

async function sign(
  key: Uint8Array<ArrayBuffer> | ArrayBuffer,
  text: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, bytesOf(text)));
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** No SQLSTATE of the server's: what a client finds wrong with it (08: connection exceptions). */
function refused(message: string): PostgresError {
  return new PostgresError("08P01", message);
}
