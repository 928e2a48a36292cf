import { expect, test } from "vitest";
import { gatherCalls } from "../../supabase/functions/_tally/gateway/gather-calls.ts";

/** Trips that end when the test says so. */
function openRoad({ most = 16, isUndone = true } = {}) {
  let now = 0;
  const trips: { calls: number[]; end: (error?: Error) => void }[] = [];
  const travel = gatherCalls(
    (calls: number[]) =>
      new Promise<string[]>((resolve, reject) => {
        trips.push({
          calls,
          end: (error) => (error ? reject(error) : resolve(calls.map((call) => `answer ${call}`))),
        });
      }),
    { most, isUndone: () => isUndone, now: () => now },
  );
  return {
    trips,
    travel,
    calls: () => trips.map(({ calls }) => calls),
    pass: (ms: number) => {
      now += ms;
    },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("a call that finds nobody under way goes at once, those that come meanwhile go together", async () => {
  const { travel, trips, calls } = openRoad();
  const answers = [1, 2, 3].map((call) => travel("lane", call));
  expect(calls()).toEqual([[1]]);
  trips[0]?.end();
  await turn();
  expect(calls()).toEqual([[1], [2, 3]]);
  trips[1]?.end();
  expect(await Promise.all(answers)).toEqual(["answer 1", "answer 2", "answer 3"]);
});

test("lanes do not wait for each other", () => {
  const { travel, calls } = openRoad();
  void travel("one", 1);
  void travel("another", 2);
  expect(calls()).toEqual([[1], [2]]);
});

test("a trip takes so many calls at most", async () => {
  const { travel, trips, calls } = openRoad({ most: 2 });
  for (const call of [1, 2, 3, 4]) void travel("lane", call);
  trips[0]?.end();
  await turn();
  trips[1]?.end();
  await turn();
  expect(calls()).toEqual([[1], [2, 3], [4]]);
});

test("what a trip of several is refused for meets the call that it is about", async () => {
  const { travel, trips, calls } = openRoad();
  const answers = Promise.allSettled([1, 2, 3].map((call) => travel("lane", call)));
  trips[0]?.end();
  await turn();
  trips[1]?.end(new Error("one of them"));
  await turn();
  expect(calls()).toEqual([[1], [2, 3], [2]]);
  trips[2]?.end(new Error("this one"));
  await turn();
  trips[3]?.end();
  expect(await answers).toMatchObject([
    { value: "answer 1" },
    { reason: new Error("this one") },
    { value: "answer 3" },
  ]);
});

test("an error among the answers is that of its call, and nothing goes again", async () => {
  const trips: number[][] = [];
  const travel = gatherCalls(
    (calls: number[]) => {
      trips.push(calls);
      return Promise.resolve(
        calls.map((call) => (call === 2 ? new Error("this one") : `answer ${call}`)),
      );
    },
    { most: 16, isUndone: () => true, now: () => 0 },
  );
  expect(await Promise.allSettled([1, 2, 3].map((call) => travel("lane", call)))).toMatchObject([
    { value: "answer 1" },
    { reason: new Error("this one") },
    { value: "answer 3" },
  ]);
  expect(trips).toEqual([[1], [2, 3]]);
});

test("nothing goes again whose first trip may have arrived", async () => {
  const { travel, trips, calls } = openRoad({ isUndone: false });
  const answers = [1, 2, 3].map((call) => travel("lane", call));
  trips[0]?.end();
  await turn();
  trips[1]?.end(new Error("the connection broke"));
  const [, second, third] = await Promise.allSettled(answers);
  expect(second).toMatchObject({ reason: new Error("the connection broke") });
  expect(third).toMatchObject({ reason: new Error("the connection broke") });
  expect(calls()).toEqual([[1], [2, 3]]);
});

test("a trip that is held up holds nobody else up", () => {
  const { travel, calls, pass } = openRoad();
  void travel("lane", 1);
  pass(100);
  void travel("lane", 2);
  pass(200);
  void travel("lane", 3);
  expect(calls()).toEqual([[1], [2, 3]]);
});
