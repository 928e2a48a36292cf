/**
 * Sends calls, one or several, and gives back the answer to each, in their order. An error among the
 * answers is that of its call.
 */
export type SendCalls<Call, Answer> = (calls: Call[]) => Promise<(Answer | Error)[]>;

interface Waiting<Call, Answer> {
  call: Call;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
}

interface Lane<Call, Answer> {
  waiting: Waiting<Call, Answer>[];
  /** Trips under way. */
  trips: number;
  /** When the last of them began. */
  leftAt: number;
}

export interface GatherOptions {
  /** Calls of one trip. */
  most: number;
  /** Whether an error means that nothing of its trip has happened. */
  isUndone: (error: unknown) => boolean;
  /** Milliseconds since some moment. */
  now: () => number;
}

/** A trip that takes longer is held up by something: others do not wait for it. */
const PATIENCE_MS = 250;

/**
 * Lets calls share their way to the database. In each lane one trip is under way at a time: a call that
 * finds none goes at once, those that come meanwhile go together when it is back.
 *
 * What a trip of several fails with belongs to one of them or to none: each then goes by itself, so
 * that an error meets the call that it is about.
 */
export function gatherCalls<Call, Answer>(
  send: SendCalls<Call, Answer>,
  { most, isUndone, now }: GatherOptions,
): (lane: string, call: Call) => Promise<Answer> {
  const lanes = new Map<string, Lane<Call, Answer>>();

  async function travel(calls: Waiting<Call, Answer>[]): Promise<void> {
    try {
      const answers = await send(calls.map(({ call }) => call));
      if (answers.length !== calls.length) throw new Error("Not every call was answered.");
      calls.forEach(({ resolve, reject }, index) => {
        const answer = answers[index] as Answer | Error;
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      });
    } catch (error) {
      if (calls.length > 1 && isUndone(error)) {
        for (const alone of calls) await travel([alone]);
      } else for (const { reject } of calls) reject(error);
    }
  }

  async function serve(name: string, lane: Lane<Call, Answer>): Promise<void> {
    lane.trips++;
    while (lane.waiting.length > 0) {
      lane.leftAt = now();
      await travel(lane.waiting.splice(0, most));
    }
    if (--lane.trips === 0) lanes.delete(name);
  }

  return (name, call) => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const lane = lanes.get(name) ?? { waiting: [], trips: 0, leftAt: 0 };
    lanes.set(name, lane);
    lane.waiting.push({ call, resolve, reject });
    if (lane.trips === 0 || now() - lane.leftAt > PATIENCE_MS) void serve(name, lane);
    return promise;
  };
}
