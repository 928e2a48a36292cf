import type { TallyEnv } from "../env.ts";
import { TallyError } from "../errors.ts";
import type { RequestContext } from "../handle-request.ts";
import { parseJsonObject, readBody } from "../read-body.ts";
import type { CallRequest } from "./adapter.ts";
import type { FoundEndpoint } from "./find-endpoint.ts";
import { readFormFields } from "./read-fields.ts";
import { readForm } from "./read-form.ts";

/**
 * Reads the request of a call, in the format that its endpoint takes.
 *
 * @throws {TallyError} PT400 for a body of another format, PT413 for one that is too large.
 */
export async function readCall(
  { request, query }: Pick<RequestContext, "request" | "query">,
  { endpoint, path, model }: FoundEndpoint,
  env: Pick<TallyEnv, "gatewayMaxBodyBytes" | "gatewayMaxFormBytes">,
): Promise<CallRequest> {
  const call = { path, model, query, fields: {}, files: [] };
  if (endpoint.body === "none") return { ...call, body: new Uint8Array() };
  const type = request.headers.get("content-type") ?? "";
  const isForm = /^multipart\/form-data\b/i.test(type);
  if (endpoint.body === "any" && !/^application\/json\b/i.test(type)) {
    return { ...call, body: await readBody(request, env.gatewayMaxFormBytes) };
  }
  if (isForm ? endpoint.body === "json" : endpoint.body === "form") {
    throw new TallyError(
      "PT400",
      "The request body has the wrong format for this path.",
      {
        hint: isForm ? "Send JSON." : "Send multipart/form-data.",
        details: "content-type",
      },
    );
  }
  const body = await readBody(
    request,
    isForm ? env.gatewayMaxFormBytes : env.gatewayMaxBodyBytes,
  );
  if (!isForm) return { ...call, body, fields: parseJsonObject(body) };
  const form = readForm(body, type);
  return {
    ...call,
    body,
    fields: readFormFields(form.fields),
    files: form.files,
  };
}
