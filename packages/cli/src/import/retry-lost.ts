import { setTimeout as wait } from "node:timers/promises";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** Together with the pauses before: long enough for a restart or a failover, about a minute. */
const ATTEMPTS = 16;

const LOST =
  /^(CONNECT_TIMEOUT|CONNECTION_(CLOSED|ENDED|DESTROYED)|ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|EHOSTUNREACH)$/;
/** Connection errors, shutdowns and restarts, too many connections, deadlocks, locks not had in time. */
const TRANSIENT = /^(08...|57P0[1235]|53300|40001|40P01|55P03)$/;

/** Whether the same statement may work in a moment. */
export function isTransient(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code !== undefined && (LOST.test(code) || TRANSIENT.test(code));
}

/**
 * Does the work again when the connection was lost. Only for work that may be done twice.
 *
 * @param onRetry - hears of each loss
 * @throws what the work throws, once a minute has not helped or when it is something else
 */
export async function retryLost<T>(
  work: () => Promise<T>,
  onRetry: (error: unknown) => void = () => {},
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !isTransient(error)) throw error;
      onRetry(error);
      await wait(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1)));
    }
  }
}
