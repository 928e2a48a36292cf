import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { createTallybase } from "../../packages/client/src/index.ts";
import {
  QuotaIndicator,
  TallybaseProvider,
  useQuota,
  useUsage,
} from "../../packages/react/src/index.ts";

const client = createTallybase({
  url: "http://project.test",
  key: "k",
  fetch: () => Promise.reject(new Error("a server must not ask")),
});
const render = (element: ReturnType<typeof createElement>) =>
  renderToString(createElement(TallybaseProvider, { client, organizationId: "o" }, element));

/** Shows what the hooks know. */
function Probe() {
  const { quota, quotas, isLoading } = useQuota();
  const { usage } = useUsage({ period: { days: 7 } });
  return createElement("p", null, JSON.stringify({ quota, quotas, isLoading, usage }));
}

test("on a server the indicator says that it is loading, to everybody", () => {
  const html = render(createElement(QuotaIndicator, { className: "mine" }));
  expect(html).toContain('class="tallybase-quota mine"');
  expect(html).toContain('role="status"');
  expect(html).toContain('aria-busy="true"');
  expect(html).toContain("Loading quota");
});

test("on a server the hooks are loading, and ask nothing", () => {
  const text = render(createElement(Probe)).replaceAll("&quot;", '"');
  expect(text).toContain('{"quota":null,"quotas":[],"isLoading":true,"usage":null}');
});

test("outside of a provider a component says what it needs", () => {
  expect(() => renderToString(createElement(QuotaIndicator))).toThrow(
    "This component needs a <TallybaseProvider> above it.",
  );
});
