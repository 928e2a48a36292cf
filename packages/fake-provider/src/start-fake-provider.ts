import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerRequest } from "./answer-request.ts";
import { Bill, type BilledRequest, type BillQuery } from "./bill.ts";

export interface FakeProviderOptions {
  /** TCP port on 127.0.0.1; a free one when absent. */
  port?: number;
}

/** A running fake provider. Base paths: `/openai`, `/anthropic`, `/google`, `/xai`. */
export interface FakeProvider {
  /** Origin without a trailing slash, for example `http://127.0.0.1:54329`. */
  url: string;
  port: number;
  /** The bill so far; with `contains`, only requests whose body contains that text. */
  requests(contains?: string): BilledRequest[];
  /** The bill, once so many requests were received or have ended. */
  when(query: BillQuery): Promise<BilledRequest[]>;
  /** Forgets the bill. */
  reset(): void;
  /** Ends open connections and stops listening. */
  close(): Promise<void>;
}

/**
 * Starts a server that answers like OpenAI, Anthropic, Google and xAI, on 127.0.0.1 only.
 *
 * Over HTTP its bill is at `GET /__fake/requests` (`?contains=text` filters; `?received=n`
 * and `?ended=n` wait up to 10 s until so many of them have arrived or are over) and `POST /__fake/reset` forgets it.
 *
 * @throws when the port is taken (`EADDRINUSE`).
 * @example
 * const provider = await startFakeProvider();
 * const openai = new OpenAI({ apiKey: "any", baseURL: `${provider.url}/openai/v1` });
 */
export async function startFakeProvider(options: FakeProviderOptions = {}): Promise<FakeProvider> {
  const bill = new Bill();
  const server = createServer((request, response) => {
    handle(request, response, bill).catch((error: unknown) => {
      // The client sees a cut connection; a defect of the fake must not pass for an answer.
      console.error("fake provider:", error);
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests: (contains) => bill.lines(contains),
    when: (query) => bill.when(query),
    reset: () => bill.reset(),
    close: () =>
      new Promise<void>((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function handle(request: IncomingMessage, response: ServerResponse, bill: Bill) {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  if (url.pathname === "/__fake/requests" && request.method === "GET") {
    const contains = url.searchParams.get("contains") ?? undefined;
    const count = (name: string) => Number(url.searchParams.get(name) ?? 0);
    const query = { contains, received: count("received"), ended: count("ended") };
    return sendControl(response, 200, await bill.when(query));
  }
  if (url.pathname === "/__fake/reset" && request.method === "POST") {
    bill.reset();
    return sendControl(response, 200, []);
  }
  await answerRequest(request, response, url, bill);
}

function sendControl(response: ServerResponse, status: number, body: unknown) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
