/** Name of the key, name of the address, and the path of its API on the fake provider. */
const PROVIDERS = [
  ["OPENAI_API_KEY", "TALLY_OPENAI_BASE_URL", "/openai/v1"],
  ["ANTHROPIC_API_KEY", "TALLY_ANTHROPIC_BASE_URL", "/anthropic/v1"],
  ["GOOGLE_API_KEY", "TALLY_GOOGLE_BASE_URL", "/google/v1beta"],
  ["XAI_API_KEY", "TALLY_XAI_BASE_URL", "/xai/v1"],
] as const;

/**
 * Sends the gateway to the fake provider for each provider whose key is not among the person's
 * `own` settings: no call leaves this machine unless somebody asked for it.
 */
export function providerSettings(
  own: Record<string, string>,
  fakeProviderUrl: string,
): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [key, address, path] of PROVIDERS) {
    if (own[key]) continue;
    settings[key] = "local-fake-key";
    settings[address] = `${fakeProviderUrl}${path}`;
  }
  return settings;
}
