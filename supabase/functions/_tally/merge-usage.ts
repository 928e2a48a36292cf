import type { NormalizedUsage } from "./normalize-usage.ts";

/** An event in the shape that track_usage takes. */
export type TallyEvent = Record<string, unknown>;

/** Merges what a response says into an event: the model that answered and the served tier win. */
export function withUsage(event: TallyEvent, usage: NormalizedUsage): TallyEvent {
  const model = usage.model ?? event.model;
  const metadata = {
    ...(event.request_metadata as Record<string, unknown> | null | undefined),
    ...(event.model && model !== event.model ? { requested_model: event.model } : {}),
    ...(usage.anomalies.length > 0 && { anomalies: usage.anomalies }),
    ...(usage.provider_cost_usd !== undefined && { provider_cost_usd: usage.provider_cost_usd }),
  };
  return {
    ...event,
    model,
    service_tier: usage.service_tier ?? event.service_tier ?? null,
    classes: usage.classes,
    input_tokens: usage.input_tokens,
    output_tokens: usage.output_tokens,
    ...(usage.units !== undefined && { units: usage.units, unit_type: usage.unit_type }),
    ...(Object.keys(metadata).length > 0 && { request_metadata: metadata }),
  };
}
