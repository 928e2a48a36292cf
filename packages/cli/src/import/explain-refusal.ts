import { CliError, messageOf } from "../cli-error.ts";

/** Makes an error of the database readable; any other stays what it is. */
export function explainRefusal(error: unknown): unknown {
  const { code, hint } = error as { code?: string; hint?: string };
  if (code === undefined || error instanceof CliError) return error;
  const way =
    code === "42501" || code === "PT403"
      ? "Connect as the owner of the database (postgres)."
      : hint || undefined;
  return new CliError(`The database stopped the import: ${messageOf(error) || code}`, way, {
    cause: error,
  });
}
