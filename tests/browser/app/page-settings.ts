/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/** What a test tells the page before it loads. */
export interface PageSettings {
  url: string;
  key: string;
  token: string;
  organizationId: string;
  pollIntervalMs: number;
  /** Rendered by a server before; empty for a page that is rendered here. */
  html: string;
  hasRealtime: boolean;
}

declare global {
  interface Window {
    settings: PageSettings;
    tally: import("@tallybase/client").Tallybase;
    /** Ends and begins the components. */
    show(components: number): void;
    /** What Realtime would say. */
    hint(): void;
  }
}
