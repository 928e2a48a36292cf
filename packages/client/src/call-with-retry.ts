import { isTransient, TallybaseError } from "./errors.ts";

/** What came back from one request. */
export type Answer = { data: unknown; error: null } | { data: null; error: TallybaseError };

/** One request. It rejects when no answer came, for whatever reason. */
export type Attempt = (signal: AbortSignal) => Promise<Answer>;

/** How patiently to ask. */
export interface Patience {
  /** Milliseconds for one attempt. */
  timeoutMs: number;
  /** Attempts after the first. */
  retries: number;
  /** The caller's own way to end it. */
  signal?: AbortSignal | undefined;
}

/**
 * Asks until there is an answer, a definite refusal, or no patience left. Every request that comes
 * here is safe to repeat: it either reads, or carries an id that makes the second one a duplicate.
 */
export async function callWithRetry(attempt: Attempt, patience: Patience): Promise<Answer> {
  for (let retry = 0; ; retry++) {
    const answer = await tryOnce(attempt, patience);
    if (!answer.error || !isTransient(answer.error) || retry >= patience.retries) return answer;
    await pause(200 * 2 ** retry * (0.5 + Math.random() / 2), patience.signal);
  }
}

function tryOnce(attempt: Attempt, { timeoutMs, signal }: Patience): Promise<Answer> {
  return new Promise((resolve) => {
    const controller = new AbortController();
    const finish = (answer: Answer) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      resolve(answer);
    };
    // A fetch that ignores its signal must not hold the caller up, so both ways answer by themselves.
    const give = (code: string, message: string, cause?: unknown) =>
      finish({ data: null, error: new TallybaseError(message, { code, status: 0, cause }) });
    const abort = () => {
      give("TALLY_ABORTED", "The call was aborted.", signal?.reason);
      controller.abort(signal?.reason);
    };
    const timer = setTimeout(() => {
      give("TALLY_TIMEOUT", `No answer within ${timeoutMs} ms.`);
      controller.abort();
    }, timeoutMs);
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort);
    attempt(controller.signal).then(finish, (cause: unknown) =>
      give("TALLY_NETWORK", `No answer: ${cause instanceof Error ? cause.message : cause}`, cause),
    );
  });
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    if (signal?.aborted) return finish();
    signal?.addEventListener("abort", finish);
  });
}
