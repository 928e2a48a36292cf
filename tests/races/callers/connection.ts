import { setTimeout as delay } from "node:timers/promises";
import postgres, { type Sql } from "postgres";

/** One connection that survives the end of its backend, of the server, of the network. */
export interface Connection {
  /** For what is not repeated. */
  readonly sql: Sql;
  /**
   * Evaluates an expression and returns its value. When the connection is lost on the way it asks
   * again, as a client does that cannot know whether its call arrived: use it for what may be repeated.
   */
  ask<T>(expression: string, ...parameters: (string | boolean | null)[]): Promise<T>;
  /** Evaluates an expression, its parameters written into it, in a transaction that is rolled back. */
  rollBack(expression: string): Promise<void>;
  close(): Promise<void>;
}

/** How often connections were lost, over all of them. */
export interface Losses {
  count: number;
}

const LOST = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_ENDED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  // Ended by an administrator, by a crash, not yet recovered from it.
  "57P01",
  "57P02",
  "57P03",
]);

export function isLoss(error: unknown): boolean {
  return error instanceof Error && "code" in error && LOST.has(String(error.code));
}

/** A literal of SQL. */
export function quote(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** A client that hears nothing for so long gives the connection up. */
const PATIENCE_MS = 15_000;

class Silence extends Error {
  readonly code = "CONNECT_TIMEOUT";
}

export function openConnection(url: string, losses: Losses): Connection {
  const connect = () =>
    postgres(url, {
      max: 1,
      // The question for them cannot be caught when the connection is lost in it.
      fetch_types: false,
      onnotice: () => undefined,
      connection: { synchronous_commit: "on" },
    });
  let sql = connect();

  async function run(statement: string, parameters: (string | boolean | null)[]) {
    const timer = new AbortController();
    const silence = delay(PATIENCE_MS, null, { signal: timer.signal }).then(() => {
      throw new Silence("No answer");
    });
    // Whichever comes second is of no interest.
    silence.catch(() => undefined);
    try {
      return await Promise.race([sql.unsafe(statement, parameters), silence]);
    } catch (error) {
      if (isLoss(error)) {
        losses.count += 1;
        // The driver may leave later queries of a lost connection without an answer: a new one it is.
        sql.end({ timeout: 0 }).catch(() => undefined);
        sql = connect();
        await delay(20);
      }
      throw error;
    } finally {
      timer.abort();
    }
  }

  return {
    get sql() {
      return sql;
    },
    ask: async (expression, ...parameters) => {
      for (;;) {
        try {
          const [row] = await run(`select ${expression} as answer`, parameters);
          return row?.answer;
        } catch (error) {
          if (!isLoss(error)) throw error;
        }
      }
    },
    // In one message: the driver's own transactions fail uncaught when the connection is lost in them.
    rollBack: async (expression) => {
      try {
        await run(`begin; select ${expression}; rollback`, []);
      } catch (error) {
        if (!isLoss(error)) throw error;
      }
    },
    close: () => sql.end({ timeout: 1 }),
  };
}
