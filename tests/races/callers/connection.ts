import { setTimeout as delay } from "node:timers/promises";
import postgres, { type Sql, type TransactionSql } from "postgres";

/** One connection that survives the end of its backend, of the server, of the network. */
export interface Connection {
  sql: Sql;
  /**
   * Evaluates an expression and returns its value. When the connection is lost on the way it asks
   * again, as a client does that cannot know whether its call arrived: use it for what may be repeated.
   */
  ask<T>(expression: string, ...parameters: (string | boolean | null)[]): Promise<T>;
  /** Runs `work` in a transaction and rolls it back. */
  rollBack(work: (sql: TransactionSql) => Promise<unknown>): Promise<void>;
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

const ROLLED_BACK = new Error("rolled back");

export function openConnection(url: string, losses: Losses): Connection {
  const sql = postgres(url, {
    max: 1,
    backoff: () => 0.05,
    onnotice: () => undefined,
    connection: { synchronous_commit: "on" },
  });
  return {
    sql,
    ask: async (expression, ...parameters) => {
      for (;;) {
        try {
          const [row] = await sql.unsafe(`select ${expression} as answer`, parameters);
          return row?.answer;
        } catch (error) {
          if (!isLoss(error)) throw error;
          losses.count += 1;
          await delay(20);
        }
      }
    },
    rollBack: async (work) => {
      try {
        await sql.begin(async (transaction) => {
          await work(transaction);
          throw ROLLED_BACK;
        });
      } catch (error) {
        if (error !== ROLLED_BACK && !isLoss(error)) throw error;
      }
    },
    close: () => sql.end({ timeout: 1 }),
  };
}
