/** Answer headers that may reach the sandbox. Others tell about the operator's account. */
const ANSWER_HEADERS = [
  'content-type',
  'request-id',
  'x-request-id',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
];

/** What may reach the sandbox of the headers of a provider's answer. */
export function answerHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ANSWER_HEADERS) {
    const value = headers[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
