/**
 * Anthropic's beta features that Bedrock knows, by the name that Anthropic gives them. Bedrock
 * refuses a call that names another.
 */
export const BEDROCK_BETAS: ReadonlyMap<string, string> = new Map([
  ...[
    'compact-2026-01-12',
    'computer-use-2025-01-24',
    'computer-use-2025-11-24',
    'context-1m-2025-08-07',
    'context-management-2025-06-27',
    'effort-2025-11-24',
    'fine-grained-tool-streaming-2025-05-14',
    'interleaved-thinking-2025-05-14',
    'tool-examples-2025-10-29',
    'tool-search-tool-2025-10-19',
    'thinking-display-updates-2026-08-18',
  ].map((name) => [name, name] as const),
  ['advanced-tool-use-2025-11-20', 'tool-search-tool-2025-10-19'],
]);
