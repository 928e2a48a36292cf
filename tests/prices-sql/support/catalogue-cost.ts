import { calcPrice, type Provider } from "@pydantic/genai-prices";
import { catalogueUsage } from "../../prices/support/catalogue-usage.ts";

/** What the catalogue charges for a model in USD, whatever its match rules say about the id. */
export function catalogueCost(
  provider: Provider,
  model: Provider["models"][number],
  classes: Readonly<Record<string, number>>,
  timestamp: Date,
): number {
  const alone = { ...provider, models: [{ ...model, match: { equals: "it" } }] };
  const price = calcPrice(catalogueUsage(classes), "it", { provider: alone, timestamp });
  if (price === null) throw new Error(`The catalogue does not price ${provider.id}/${model.id}.`);
  return price.total_price;
}
