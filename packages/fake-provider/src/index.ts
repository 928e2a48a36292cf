export type { BilledClasses, BilledRequest } from "./bill.ts";
export {
  type FakeProvider,
  type FakeProviderOptions,
  startFakeProvider,
} from "./start-fake-provider.ts";
