export type { BilledClasses, BilledRequest, BillQuery } from "./bill.ts";
export {
  type FakeProvider,
  type FakeProviderOptions,
  startFakeProvider,
} from "./start-fake-provider.ts";
