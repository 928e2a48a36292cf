import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { ConnectionPool } from "../../supabase/functions/_tally/postgres/open-pool.ts";
import { connectWithNode } from "./node-socket.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A message of the server. */
function message(type: string, ...parts: (number | string | Buffer)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (typeof part === "string") return Buffer.from(part);
      if (typeof part !== "number") return part;
      const bytes = Buffer.alloc(4);
      bytes.writeInt32BE(part);
      return bytes;
    }),
  );
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

const READY = message("Z", "I");
/** A column `one` of type int4, and its only row. */
const column = Buffer.from(
  "0001" + "6f6e6500" + "000000000000" + "00000017" + "0004ffffffff0000",
  "hex",
);
const ANSWER = [
  message("T", column),
  message("D", Buffer.from("0001", "hex"), 1, "1"),
  message("C", "SELECT 1\0"),
];

/** Whoever knows how to sign in gets the number one. `signIn` answers each message of the client. */
async function serve(signIn: (sent: Buffer, count: number, socket: Socket) => Buffer[] | null) {
  const server = createServer((socket) => {
    let count = 0;
    let isIn = false;
    socket.on("error", () => {});
    socket.on("data", (sent) => {
      if (isIn) return socket.write(Buffer.concat([...ANSWER, READY]));
      const answer = signIn(sent, count++, socket);
      if (answer !== null) return socket.write(Buffer.concat(answer));
      isIn = true;
      return socket.write(Buffer.concat([message("R", 0), READY]));
    });
  });
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const who = { user: "someone", password: "päss,word=", database: "main" };
  const pool = new ConnectionPool({ hostname: "127.0.0.1", port, ...who }, 1, connectWithNode(3));
  return pool.run([{ text: "select 1 as one", parameters: [] }], false).rows;
}

const textOf = (sent: Buffer) => sent.subarray(5).toString();

test("a server that asks for nothing", async () => {
  expect(await serve(() => null)).toEqual([{ one: 1 }]);
});

test("a server that asks for the password", async () => {
  const sent: string[] = [];
  const rows = await serve((bytes, count) => {
    if (count === 0) return [message("R", 3)];
    sent.push(textOf(bytes));
    return null;
  });
  expect(rows).toEqual([{ one: 1 }]);
  expect(sent).toEqual(["päss,word=\0"]);
});

test("a server that asks for the password's MD5", async () => {
  const salt = randomBytes(4);
  const md5 = (...parts: (string | Buffer)[]) =>
    parts.reduce((hash, part) => hash.update(part), createHash("md5")).digest("hex");
  const sent: string[] = [];
  await serve((bytes, count) => {
    if (count === 0) return [message("R", 5, salt)];
    sent.push(textOf(bytes));
    return null;
  });
  expect(sent).toEqual([`md5${md5(md5("päss,word=", "someone"), salt)}\0`]);
});

/** The server's side of SCRAM, as RFC 5802 has it; `knows` is the password that it has stored. */
function scram(knows: string, forge = (signature: string) => signature) {
  const salt = randomBytes(16);
  const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const salted = pbkdf2Sync(knows, salt, 4096, 32, "sha256");
  const clientKey = hmac(salted, "Client Key");
  const stored = createHash("sha256").update(clientKey).digest();
  let bare = "";
  let challenge = "";
  return (sent: Buffer, count: number) => {
    if (count === 0) return [message("R", 10, "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")];
    if (count === 1) {
      bare = sent.toString().split("n,,")[1] ?? "";
      challenge = `r=${bare.split("r=")[1]}more,s=${salt.toString("base64")},i=4096`;
      return [message("R", 11, challenge)];
    }
    const [, unproven = "", proof = ""] = /^(.*),p=(.*)$/.exec(textOf(sent)) ?? [];
    const exchanged = `${bare},${challenge},${unproven}`;
    const key = hmac(stored, exchanged).map(
      (byte, at) => byte ^ (Buffer.from(proof, "base64")[at] ?? 0),
    );
    if (!createHash("sha256").update(key).digest().equals(stored)) {
      return [message("E", "SFATAL\0C28P01\0Mpassword authentication failed\0\0")];
    }
    const signature = hmac(hmac(salted, "Server Key"), exchanged).toString("base64");
    return [message("R", 12, `v=${forge(signature)}`), message("R", 0), READY, ...[]];
  };
}

/** With SCRAM the server lets the client in by itself, so that the next thing sent is a statement. */
function letsIn(signIn: (sent: Buffer, count: number) => Buffer[]) {
  return (sent: Buffer, count: number) => (count === 3 ? [...ANSWER, READY] : signIn(sent, count));
}

test("a server that asks for a proof, and gives one", async () => {
  expect(await serve(letsIn(scram("päss,word=")))).toEqual([{ one: 1 }]);
});

test("another password than the server's is its error", async () => {
  await expect(serve(scram("another"))).rejects.toMatchObject({ code: "28P01" });
});

test("a server that does not know the password is left", async () => {
  await expect(serve(scram("päss,word=", () => "Zm9yZ2Vk"))).rejects.toMatchObject({
    code: "08P01",
  });
});

test("a server that lets in without giving its proof is left", async () => {
  const signIn = scram("päss,word=");
  const withoutProof = (sent: Buffer, count: number) =>
    count < 2 ? signIn(sent, count) : [message("R", 0), READY];
  await expect(serve(withoutProof)).rejects.toMatchObject({ code: "08P01" });
});

test("a way that is not known is said", async () => {
  await expect(serve(() => [message("R", 7)])).rejects.toMatchObject({ code: "08P01" });
});

test("a server that hangs up", async () => {
  await expect(
    serve((_sent, _count, socket) => {
      socket.destroy();
      return [];
    }),
  ).rejects.toMatchObject({ code: "CONNECTION_CLOSED" });
});
