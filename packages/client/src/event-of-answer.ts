import { fromWire, toWire } from "./names.ts";
import type { NormalizedUsage } from "./read-usage.ts";
import type { UsageEvent } from "./types.ts";

/** The rules for reading answers. */
export type Readers = typeof import("./read-usage.ts");

/** An event with what the response says: the model that answered, the tier that served, the classes. */
export function eventOf(readers: Readers, asked: UsageEvent, usage: NormalizedUsage): UsageEvent {
  return fromWire(readers.withUsage(toWire(asked), usage)) as UsageEvent;
}
