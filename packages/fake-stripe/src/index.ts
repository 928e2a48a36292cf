export type { Account, LoggedRequest } from "./account.ts";
export { FAULT_KINDS, type FaultKind, type Faults, type SeenRequest } from "./faults.ts";
export { type FakeStripe, type FakeStripeOptions, startFakeStripe } from "./start-fake-stripe.ts";
export type { Formula, MeterEvent, Refusal } from "./usage.ts";
export { signPayload, type WebhookTarget } from "./webhooks.ts";
