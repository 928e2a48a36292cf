import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a connection does to one request. */
export type NetworkFault =
  /** Nobody listens: the connection is closed before anything is read. */
  | "refused"
  /** The request arrives and is carried out; the connection breaks before the answer. */
  | "reset after commit"
  | "500 before commit"
  | "500 after commit"
  /** The request is carried out, its answer comes after the client has given up. */
  | "too slow"
  /** The request arrives twice at once, as a proxy that tries again sends it. */
  | "delivered twice";

/** A real TCP connection between a client and the API that goes wrong as it is told. */
export interface FaultyNetwork {
  url: string;
  /** The next requests go wrong so, in this order; null for one that goes right. */
  failWith(...next: (NetworkFault | null)[]): void;
  /** Every request goes wrong so, until null. */
  always: NetworkFault | null;
  close(): Promise<void>;
}

/** Starts a network in front of an API, on this machine alone. */
export async function startNetwork(apiUrl: string, slowMs: number): Promise<FaultyNetwork> {
  const faults: (NetworkFault | null)[] = [];
  const network: FaultyNetwork = {
    url: "",
    failWith: (...next) => void faults.push(...next),
    always: null,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const server = createServer((request, response) => {
    const fault = network.always ?? faults.shift() ?? null;
    if (fault === "refused") return void request.socket.destroy();
    pass(apiUrl, request, response, fault, slowMs).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  network.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return network;
}

async function pass(
  apiUrl: string,
  request: IncomingMessage,
  response: ServerResponse,
  fault: NetworkFault | null,
  slowMs: number,
): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  if (fault === "500 before commit") return void response.writeHead(500).end('{"message":"no"}');
  const { host: _host, connection: _connection, ...headers } = request.headers;
  const send = () =>
    fetch(apiUrl + request.url, {
      method: request.method ?? "POST",
      headers: headers as Record<string, string>,
      body: Buffer.concat(pieces),
    });
  const [answer] = await Promise.all(fault === "delivered twice" ? [send(), send()] : [send()]);
  const body = Buffer.from(await answer.arrayBuffer());
  if (fault === "reset after commit") return void request.socket.resetAndDestroy();
  if (fault === "500 after commit") return void response.writeHead(500).end('{"message":"no"}');
  if (fault === "too slow") await new Promise((resolve) => setTimeout(resolve, slowMs));
  response.writeHead(answer.status, { "content-type": "application/json" }).end(body);
}
