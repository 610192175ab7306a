/** A call that cannot be understood: says what was expected and what was got. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The sentence of a wrong call, ours or `parseArgs`'; `undefined` for any other error. */
export function describeUsage(error: unknown): string | undefined {
  if (error instanceof UsageError) return error.message;
  const isFromParser =
    error instanceof TypeError && String((error as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS");
  return isFromParser ? error.message : undefined;
}
