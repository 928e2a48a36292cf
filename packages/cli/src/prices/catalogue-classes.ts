import { decimalFromNumber, divideDecimal } from "./decimal.ts";

/** How a price key of the catalogue is counted here: a class, and how many units its price is for. */
interface ClassPrice {
  readonly class: string;
  readonly per: number;
}

const one = (name: string): ClassPrice[] => [{ class: name, per: 1 }];
const perThousand = (name: string): ClassPrice[] => [{ class: name, per: 1000 }];
/** Time is written in every unit that a usage record may count in; the hour is the price as published. */
const audioHours: ClassPrice[] = [
  { class: "hour", per: 1 },
  { class: "minute", per: 60 },
  { class: "second", per: 3600 },
];

const CLASS_PRICES: Readonly<Record<string, readonly ClassPrice[]>> = {
  input_mtok: one("input"),
  cache_read_mtok: one("cache_read"),
  cache_write_mtok: one("cache_write"),
  cache_write_1h_mtok: one("cache_write_1h"),
  output_mtok: one("output"),
  output_reasoning_mtok: one("reasoning"),
  output_citation_mtok: one("citation"),
  input_audio_mtok: one("input_audio"),
  cache_audio_read_mtok: one("cache_read_audio"),
  output_audio_mtok: one("output_audio"),
  input_image_mtok: one("input_image"),
  cache_image_read_mtok: one("cache_read_image"),
  output_image_mtok: one("output_image"),
  input_video_mtok: one("input_video"),
  output_video_mtok: one("output_video"),
  requests_kcount: perThousand("request"),
  web_searches_kcount: perThousand("web_search"),
  storage_searches_kcount: perThousand("file_search"),
  input_document_kpages: perThousand("page"),
  input_annotated_document_kpages: perThousand("annotated_page"),
  input_text_messages_kcount: perThousand("text_message"),
  audio_hours: audioHours,
  input_audio_hours: audioHours,
};

/** The catalogue prices something that has no class here yet. */
export class UnknownPriceKeyError extends Error {
  override readonly name = "UnknownPriceKeyError";
}

/**
 * The rates of a price entry of the catalogue, in our classes and units.
 * @throws UnknownPriceKeyError for a price key that is not mapped: a price must never be dropped
 * in silence.
 */
export function ratesOf(prices: Readonly<Record<string, number>>): Record<string, string> {
  const rates: Record<string, string> = {};
  for (const [key, price] of Object.entries(prices)) {
    const targets = CLASS_PRICES[key];
    if (targets === undefined) throw new UnknownPriceKeyError(`No class for the price key ${key}.`);
    for (const { class: name, per } of targets) {
      const rate = divideDecimal(decimalFromNumber(price), per);
      if ((rates[name] ?? rate) !== rate) {
        throw new UnknownPriceKeyError(`Two prices for ${name}, the second by ${key}.`);
      }
      rates[name] = rate;
    }
  }
  return rates;
}
