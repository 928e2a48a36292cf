/** What a message says about an alert; times are ISO 8601. Numbers are for display: the JSON text is exact. */
export interface AlertData {
  alert_id: string;
  organization_id: string;
  organization_name: string;
  quota_id: string;
  kind: "threshold" | "forecast" | "top_up";
  level: "warning" | "critical" | "exceeded";
  /** Percent of the limit; of a top_up, the mark in USD. */
  threshold: number;
  metric: string;
  quota_type: string;
  quota_limit: number;
  current_usage: number;
  /** Rounded down; null when the limit is zero. */
  percent_used: number | null;
  period_start: string;
  /** Null when it never resets. */
  reset_at: string | null;
  /** Of a forecast: when the limit will be reached. */
  expected_at: string | null;
  created_at: string;
  /** IANA name, for the times of the text. */
  timezone: string;
  /** Null when the quota has been removed since. */
  enforcement: "hard" | "soft" | null;
  /** Whether the quota is the organization's prepaid account. */
  is_credit: boolean;
  /** Of a top_up: what is to be bought, in USD. */
  top_up_amount?: number;
  scope: {
    user_id?: string;
    api_key_id?: string;
    api_key_name?: string;
    provider?: string;
    model?: string;
    tool_name?: string;
    resource_type?: string;
  };
}

/** One message to one channel, ready to be sent. */
export interface Message {
  /** The same in every attempt: receivers know a repeated message by it. */
  id: string;
  /** One line. */
  title: string;
  /** A few sentences. */
  text: string;
  alert: AlertData;
  /** The alert as the database wrote it, every digit kept. */
  alertJson: string;
}

/** Why a message was not delivered, in words that members of the organization may read. */
export class DeliveryFailure extends Error {
  override readonly name = "DeliveryFailure";
}
