import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type Arena, MOST_TOKENS } from "./arena.ts";
import { type Connection, quote } from "./connection.ts";
import { mintId } from "./mint-id.ts";
import type { RandomSource } from "./random-source.ts";

/** An event as it is sent. */
export type Event = Record<string, string | number>;

interface Verdict {
  allowed: boolean;
  hold_id: string;
}

interface Answer {
  id: string;
}

/** What one caller works with. */
export interface CallerOptions {
  arena: Arena;
  random: RandomSource;
  connection: Connection;
  /** A second client of the same caller, for what happens twice at once. */
  twin: Connection;
  /** Every event whose recording was acknowledged, by its id. */
  recorded: Map<string, Event>;
}

/** Of a hold that covers a whole agent run. */
const MOST_DRAWS = 4;
/** One priced model under two names: both count in its quotas. */
const MODELS = ["echo", "echo", "echo-2026-05-01"] as const;
const SETTLE = "public.settle_usage($1::text::uuid, $2::text::jsonb, $3::text::boolean)";
const RESERVE = "public.reserve_usage($1::text::jsonb)";
const TRACK = "public.track_usage($1::text::jsonb)";
const RELEASE = "public.release_hold($1::text::uuid)";

/** A caller that makes one random step of an application after another. */
export function createCaller({ arena, random, connection, twin, recorded }: CallerOptions) {
  const { ask } = connection;

  function describeCall(): Event {
    const call: Event = {
      organization_id: random.pick(random.chance(0.7) ? arena.strict : arena.loose),
      provider: "lab",
      model: random.pick(MODELS),
    };
    if (random.chance(0.8)) call.user_id = random.pick(arena.users);
    if (random.chance(0.5)) call.api_key_id = random.pick(arena.keys);
    return call;
  }

  function useOf(call: Event): Event {
    return {
      ...call,
      id: mintId(),
      model: random.pick(MODELS),
      input_tokens: random.between(0, 6),
      output_tokens: random.between(0, 3),
    };
  }

  async function settle(hold: string, event: Event, isFinal = true): Promise<void> {
    const answer = await ask<Answer>(SETTLE, hold, JSON.stringify(event), String(isFinal));
    recorded.set(answer.id, event);
  }

  async function track(event: Event): Promise<void> {
    const answer = await ask<Answer>(TRACK, JSON.stringify(event));
    recorded.set(answer.id, event);
  }

  function reserve(call: Event, extra: Event): Promise<Verdict> {
    const request = {
      ...call,
      input_tokens: MOST_TOKENS / 2,
      max_output_tokens: MOST_TOKENS / 2,
      idempotency_key: randomUUID(),
      ...extra,
    };
    return ask<Verdict>(RESERVE, JSON.stringify(request));
  }

  /** One call from its admission to its end, whichever it is. */
  async function makeCall(): Promise<void> {
    const call = describeCall();
    const ending = random.pick(endings);
    const { allowed, hold_id } = await reserve(call, {
      expires_in: ending === abandon ? 1 : 600,
      requests: ending === runAgent ? MOST_DRAWS + 1 : 1,
    });
    if (allowed) await ending(hold_id, call);
  }

  async function settleOnce(hold: string, call: Event): Promise<void> {
    await settle(hold, useOf(call));
  }

  async function settleAfterRollingBack(hold: string, call: Event): Promise<void> {
    const event = useOf(call);
    await connection.rollBack(
      `public.settle_usage(${quote(hold)}, ${quote(JSON.stringify(event))})`,
    );
    await settle(hold, event);
  }

  async function settleTwiceAtOnce(hold: string, call: Event): Promise<void> {
    const event = useOf(call);
    await Promise.all([settle(hold, event), twin.ask(SETTLE, hold, JSON.stringify(event), "true")]);
  }

  async function release(hold: string): Promise<void> {
    await ask(RELEASE, hold);
  }

  /** Settled and released at once: one of the two comes first, both answers are fine. */
  async function settleAndRelease(hold: string, call: Event): Promise<void> {
    const released = twin.ask(RELEASE, hold);
    try {
      await settle(hold, useOf(call));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "PT410")) throw error;
    }
    await released;
  }

  async function runAgent(hold: string, call: Event): Promise<void> {
    for (let draws = random.between(1, MOST_DRAWS); draws > 0; draws -= 1) {
      await settle(hold, useOf(call), false);
    }
    await (random.chance(0.5) ? settle(hold, useOf(call)) : release(hold));
  }

  async function topUp(hold: string, call: Event): Promise<void> {
    const extra = JSON.stringify({ input_tokens: 100, max_output_tokens: 100 });
    await ask("public.extend_hold($1::text::uuid, 600, $2::text::jsonb)", hold, extra);
    await settle(hold, useOf(call));
  }

  /** The client is gone: nobody settles, the hold ends by itself. */
  async function abandon(): Promise<void> {}

  async function reserveAndRollBack(): Promise<void> {
    const request = JSON.stringify({ ...describeCall(), estimated_cost: 0.0001 });
    await connection.rollBack(`public.reserve_usage(${quote(request)})`);
  }

  async function tick(): Promise<void> {
    await ask("tally.tick()");
  }

  /** What only the loose organization does: use without, beyond and after a hold. */
  async function useFreely(): Promise<void> {
    const call: Event = { ...describeCall(), organization_id: random.pick(arena.loose) };
    const event: Event = { ...useOf(call), input_tokens: random.between(0, 2 * MOST_TOKENS) };
    switch (random.between(0, 3)) {
      case 0:
        await track({ ...event, idempotency_key: String(event.id) });
        return;
      case 1:
        await settle(mintId(), event);
        return;
      default: {
        const { allowed, hold_id } = await reserve(call, { expires_in: 1 });
        if (!allowed) return;
        if (random.chance(0.2)) await delay(1100);
        await settle(hold_id, event);
      }
    }
  }

  const endings: ((hold: string, call: Event) => Promise<void>)[] = [
    ...Array.from({ length: 8 }, () => settleOnce),
    settleAfterRollingBack,
    settleTwiceAtOnce,
    settleAndRelease,
    release,
    runAgent,
    runAgent,
    topUp,
    abandon,
    abandon,
  ];
  const steps = [
    ...Array.from({ length: 80 }, () => makeCall),
    ...Array.from({ length: 14 }, () => useFreely),
    ...Array.from({ length: 4 }, () => reserveAndRollBack),
    tick,
    tick,
  ];

  return { step: () => random.pick(steps)() };
}
