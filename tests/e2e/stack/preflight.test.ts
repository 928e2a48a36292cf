import { expect, inject, test } from "vitest";

const { API_URL, PUBLISHABLE_KEY } = inject("stack");

test.each(["rest/v1/rpc/tallybase_version", "auth/v1/settings"])(
  "a page of another origin may ask %s",
  async (path) => {
    const preflight = await fetch(`${API_URL}/${path}`, {
      method: "OPTIONS",
      headers: {
        origin: "http://127.0.0.1:5173",
        "access-control-request-method": "POST",
        "access-control-request-headers": "apikey, authorization, content-type",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
    expect(preflight.headers.get("access-control-allow-headers")).toContain("apikey");

    const answer = await fetch(`${API_URL}/${path}`, {
      method: path.startsWith("rest") ? "POST" : "GET",
      headers: { origin: "http://127.0.0.1:5173", apikey: PUBLISHABLE_KEY },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  },
);
