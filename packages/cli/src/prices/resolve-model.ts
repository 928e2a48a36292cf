import type { MatchRule, ModelAlias, PriceBook } from "./book.ts";
import { ruleMatches } from "./match-rules.ts";

/** A priced model. */
export interface PricedModel {
  readonly provider: string;
  readonly model: string;
}

/** Finds the priced model that an id names, as the database does: id, alias, then rules in order. */
export function createResolver(
  book: Pick<PriceBook, "cards" | "aliases" | "rules">,
): (provider: string, id: string) => PricedModel | null {
  const models = new Set(book.cards.map((card) => `${card.provider}\t${card.model}`));
  const aliases = new Map<string, ModelAlias>(
    book.aliases.map((alias) => [`${alias.provider}\t${alias.alias}`, alias]),
  );
  const rules = Map.groupBy(book.rules, (rule: MatchRule) => rule.provider);
  return (provider, id) => {
    if (models.has(`${provider}\t${id}`)) return { provider, model: id };
    const found =
      aliases.get(`${provider}\t${id}`) ??
      rules.get(provider)?.find((rule) => ruleMatches(rule, id));
    return found ? { provider: found.to_provider ?? provider, model: found.model } : null;
  };
}
