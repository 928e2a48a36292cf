import type { TextCounter } from "../count-text.ts";
import type { JsonObject } from "../read-body.ts";
export async function boundInput(
  _provider: string,
  parsed: JsonObject,
  countText: TextCounter,
): Promise<number> {
  const { tokens } = await countText([
    JSON.stringify(parsed.messages),
    JSON.stringify(parsed.tools ?? ""),
  ]);
  return tokens;
}
