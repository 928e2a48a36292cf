import { noSuch, StripeFailure } from "./stripe-failure.ts";

/** How the events of a meter become one number. */
export type Formula = "sum" | "count" | "last";

export interface Meter {
  id: string;
  eventName: string;
  displayName: string;
  formula: Formula;
  customerKey: string;
  valueKey: string;
  isActive: boolean;
  /** Milliseconds since 1970. */
  createdAt: number;
}

/** An event that was accepted. Times are milliseconds since 1970. */
export interface MeterEvent {
  identifier: string;
  eventName: string;
  payload: Record<string, string>;
  /** When the use happened, to the second. */
  timestamp: number;
  receivedAt: number;
  isCancelled: boolean;
}

/** What a caller sends. */
export type NewEvent = Pick<MeterEvent, "eventName" | "payload" | "timestamp"> & {
  identifier: string;
};

/** Why the asynchronous check refuses an event, in Stripe's words. */
export interface Refusal {
  code: string;
  message: string;
}

const DAY_MS = 24 * 3_600_000;
const MAX_DIGITS = 15;

/** Meters, customers and the events sent for them. */
export class Usage {
  readonly meters = new Map<string, Meter>();
  readonly customers = new Set<string>();
  readonly events: MeterEvent[] = [];
  readonly #now: () => number;
  /** Event name and customer → their events: summaries are asked for by both. */
  readonly #byCustomer = new Map<string, MeterEvent[]>();
  /** Identifier → when it was received. Older ones are forgotten: nothing may rely on them. */
  readonly #identifiers = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  meterOf(eventName: string): Meter | undefined {
    const meters = [...this.meters.values()].filter((meter) => meter.eventName === eventName);
    return meters.find(({ isActive }) => isActive) ?? meters[0];
  }

  /** What is wrong with an event; null when it counts. */
  findRefusal(event: NewEvent): Refusal | null {
    const meter = this.meterOf(event.eventName);
    if (!meter)
      return { code: "no_meter", message: `No meter has the event name ${event.eventName}.` };
    if (!meter.isActive) return { code: "archived_meter", message: "The meter is not active." };
    const customer = event.payload[meter.customerKey];
    if (customer === undefined) {
      return {
        code: "meter_event_no_customer_defined",
        message: `The payload has no ${meter.customerKey}.`,
      };
    }
    if (!this.customers.has(customer)) {
      return { code: "meter_event_customer_not_found", message: `No such customer: '${customer}'` };
    }
    const value = event.payload[meter.valueKey] ?? (meter.formula === "count" ? "1" : "");
    if (!/^-?\d+$/.test(value)) {
      return {
        code: "meter_event_invalid_value",
        message: `The value must be a whole number. Received ${value}.`,
      };
    }
    if (value.replace(/^-?0*/, "").length > MAX_DIGITS) {
      return {
        code: "meter_event_value_too_many_digits",
        message: `The value in the event payload can have at most ${MAX_DIGITS} digits. Received ${value}.`,
      };
    }
    return this.#findTimeRefusal(event.timestamp);
  }

  #findTimeRefusal(timestamp: number): Refusal | null {
    const oldest = this.#now() - 35 * DAY_MS;
    if (timestamp < Math.floor(oldest / 1000) * 1000) {
      return {
        code: "timestamp_too_far_in_past",
        message: `The event timestamp cannot be more than 35 days in past. Expected a timestamp greater than or equal to ${Math.floor(oldest / 1000)}.`,
      };
    }
    if (timestamp > this.#now() + 300_000) {
      return {
        code: "timestamp_in_future",
        message: "The event timestamp cannot be more than 5 minutes in the future.",
      };
    }
    return null;
  }

  /** Whether an identifier was used within the last 24 hours. */
  isKnown(identifier: string): boolean {
    const receivedAt = this.#identifiers.get(identifier);
    return receivedAt !== undefined && this.#now() - receivedAt < DAY_MS;
  }

  /** Takes an event on. Whether it counts is for {@link findRefusal} to say, before or after. */
  accept(event: NewEvent): MeterEvent {
    const accepted = { ...event, receivedAt: this.#now(), isCancelled: false };
    this.#identifiers.set(event.identifier, accepted.receivedAt);
    this.events.push(accepted);
    const customerKey = this.meterOf(event.eventName)?.customerKey;
    const key = `${event.eventName} ${customerKey && event.payload[customerKey]}`;
    const known = this.#byCustomer.get(key);
    if (known) known.push(accepted);
    else this.#byCustomer.set(key, [accepted]);
    return accepted;
  }

  /** @throws {StripeFailure} 400 after 24 hours, and for an identifier that is not known */
  cancel(eventName: string, identifier: string): void {
    const event = this.events.findLast(
      (candidate) => candidate.identifier === identifier && candidate.eventName === eventName,
    );
    if (!event) throw noSuch("meter event", identifier, "cancel[identifier]");
    if (this.#now() - event.receivedAt >= DAY_MS) {
      throw new StripeFailure(
        400,
        "Only events received within the last 24 hours can be cancelled.",
        {
          param: "cancel[identifier]",
        },
      );
    }
    event.isCancelled = true;
  }

  /** Begins with no events; meters and customers stay. */
  forgetEvents(): void {
    this.events.length = 0;
    this.#byCustomer.clear();
    this.#identifiers.clear();
  }

  /** What Stripe would say of a customer in a window, as far as its own lag lets it know. */
  aggregate(
    meter: Meter,
    customer: string,
    from: number,
    until: number,
    knownUntil: number,
  ): number {
    const events = (this.#byCustomer.get(`${meter.eventName} ${customer}`) ?? []).filter(
      (event) =>
        event.timestamp >= from &&
        event.timestamp < until &&
        event.receivedAt <= knownUntil &&
        !event.isCancelled,
    );
    const values = events.map((event) => Number(event.payload[meter.valueKey] ?? 1));
    if (meter.formula === "count") return events.length;
    if (meter.formula === "last") {
      const last = Math.max(...events.map(({ timestamp }) => timestamp));
      return values[events.findLastIndex(({ timestamp }) => timestamp === last)] ?? 0;
    }
    return values.reduce((sum, value) => sum + value, 0);
  }
}
