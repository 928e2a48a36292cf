import { type Call, mapOf, objectOf, pageOf, textOf } from "./call.ts";
import { boolean, integer, list, object, oneOf, required, text } from "./check-parameters.ts";
import type { Route } from "./routes.ts";
import { noSuch } from "./stripe-failure.ts";

const PAGE = { limit: integer, starting_after: text(), ending_before: text() };

/** Customers, products, prices and credit grants: kept and listed. */
export const OBJECT_ROUTES: Route[] = [
  {
    method: "POST",
    path: "/v1/customers",
    shapes: { name: text(), email: text(512), metadata: { kind: "map" } },
    answer: ({ account, values }) => {
      const customer = account.store("cus", "customer", {
        name: textOf(values.name) || null,
        email: textOf(values.email) || null,
        metadata: mapOf(values.metadata),
      });
      account.usage.customers.add(customer.id);
      return customer;
    },
  },
  {
    method: "GET",
    path: "/v1/customers/:id",
    shapes: {},
    answer: ({ account, ids: [id = ""] }) => {
      if (!account.usage.customers.has(id)) throw noSuch("customer", id, "id");
      return account.objects.get(id) ?? { id, object: "customer", created: account.seconds };
    },
  },
  {
    method: "POST",
    path: "/v1/products",
    shapes: { name: required(text()), description: text(), metadata: { kind: "map" } },
    answer: ({ account, values }) =>
      account.store("prod", "product", {
        active: true,
        name: textOf(values.name),
        metadata: mapOf(values.metadata),
      }),
  },
  {
    method: "GET",
    path: "/v1/prices",
    shapes: { ...PAGE, active: boolean, lookup_keys: list(text()), product: text() },
    answer: ({ account, values }) => {
      const keys = Array.isArray(values.lookup_keys) ? values.lookup_keys : null;
      const prices = account
        .list("price")
        .filter((price) => !keys || keys.some((key) => key === price.lookup_key))
        .filter((price) => !values.active || String(price.active) === values.active);
      return pageOf(prices, values, "/v1/prices");
    },
  },
  {
    method: "POST",
    path: "/v1/prices/:id",
    shapes: { active: boolean },
    answer: ({ account, ids: [id = ""], values }) => {
      const price = account.objects.get(id);
      if (price?.object !== "price") throw noSuch("price", id, "id");
      if (values.active) price.active = values.active === "true";
      return price;
    },
  },
  {
    method: "GET",
    path: "/v1/subscription_items",
    shapes: { ...PAGE, subscription: required(text()) },
    answer: ({ account, values }) => {
      const items = account
        .list("subscription_item")
        .filter(({ subscription }) => subscription === values.subscription);
      return pageOf(items, values, "/v1/subscription_items");
    },
  },
  {
    method: "GET",
    path: "/v1/entitlements/active_entitlements",
    shapes: { ...PAGE, customer: required(text()) },
    answer: ({ account, values }) => {
      const entitlements = account
        .list("entitlements.active_entitlement")
        .filter(({ customer }) => customer === values.customer);
      return pageOf(entitlements, values, "/v1/entitlements/active_entitlements");
    },
  },
  {
    method: "POST",
    path: "/v1/billing/credit_grants",
    shapes: {
      amount: required(
        object({
          type: required(oneOf("monetary")),
          monetary: object({ currency: required(text(3)), value: required(integer) }),
        }),
      ),
      applicability_config: required(
        object({
          scope: required(
            object({ price_type: oneOf("metered"), prices: list(object({ id: text() })) }),
          ),
        }),
      ),
      category: oneOf("paid", "promotional"),
      customer: required(text()),
      effective_at: integer,
      expires_at: integer,
      name: text(100),
      priority: integer,
      metadata: { kind: "map" },
    },
    answer: createGrant,
  },
  {
    method: "GET",
    path: "/v1/billing/credit_grants",
    shapes: { ...PAGE, customer: text() },
    answer: ({ account, values }) => {
      const grants = account
        .list("billing.credit_grant")
        .filter((grant) => !values.customer || grant.customer === values.customer);
      return pageOf(grants, values, "/v1/billing/credit_grants");
    },
  },
];

function createGrant({ account, values }: Call) {
  const customer = textOf(values.customer);
  if (!account.usage.customers.has(customer)) throw noSuch("customer", customer, "customer");
  const monetary = objectOf(objectOf(values.amount).monetary);
  return account.store("credgr", "billing.credit_grant", {
    amount: {
      type: "monetary",
      monetary: { currency: textOf(monetary.currency), value: Number(textOf(monetary.value)) },
    },
    applicability_config: values.applicability_config,
    category: textOf(values.category) || "paid",
    customer,
    effective_at: Number(textOf(values.effective_at) || account.seconds),
    expires_at: values.expires_at ? Number(textOf(values.expires_at)) : null,
    metadata: mapOf(values.metadata),
    name: textOf(values.name) || null,
    priority: Number(textOf(values.priority) || 50),
    voided_at: null,
  });
}
