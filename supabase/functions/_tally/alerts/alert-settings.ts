import type { ReadVariable } from "../env.ts";
import { isLoopback } from "./check-target.ts";

/** How e-mail leaves: through Resend or an SMTP server; otherwise what is missing. */
export type EmailSettings =
  | { driver: "resend"; apiKey: string; url: URL; from: string }
  | { driver: "smtp"; url: string; from: string }
  | { driver: "none"; problem: string };

/** What sending alerts reads from the environment. */
export interface AlertSettings {
  email: EmailSettings;
  /** Whether channels may name this machine: only where the whole project runs on it. */
  allowsLoopback: boolean;
}

/**
 * Reads the settings. What is wrong with e-mail is told to the e-mails, not to the webhooks.
 *
 * @param supabaseUrl the project's own address
 */
export function readAlertSettings(variable: ReadVariable, supabaseUrl: string): AlertSettings {
  const read = (name: string) => variable(name)?.trim() || undefined;
  return {
    email: readEmailSettings(read),
    allowsLoopback: isLoopback(new URL(supabaseUrl)),
  };
}

function readEmailSettings(read: ReadVariable): EmailSettings {
  const apiKey = read("RESEND_API_KEY");
  const smtpUrl = read("SMTP_URL");
  const from = read("TALLY_ALERTS_FROM");
  if (apiKey === undefined && smtpUrl === undefined) {
    return { driver: "none", problem: "neither RESEND_API_KEY nor SMTP_URL is set" };
  }
  if (from === undefined) return { driver: "none", problem: "TALLY_ALERTS_FROM is not set" };
  if (apiKey !== undefined) {
    const base = read("TALLY_RESEND_BASE_URL") ?? "https://api.resend.com";
    if (!URL.canParse(base)) {
      return { driver: "none", problem: "TALLY_RESEND_BASE_URL is not a URL" };
    }
    return { driver: "resend", apiKey, url: new URL("/emails", base), from };
  }
  if (smtpUrl === undefined || !/^smtps?:$/.test(URL.parse(smtpUrl)?.protocol ?? "")) {
    return { driver: "none", problem: "SMTP_URL is not a URL like smtps://user:password@host" };
  }
  return { driver: "smtp", url: smtpUrl, from };
}
