/**
 * Anthropic's beta features that Vertex knows, by the name that Anthropic gives them. Vertex refuses
 * a call that names another.
 */
export const VERTEX_BETAS: ReadonlyMap<string, string> = new Map([
  ...[
    'compact-2026-01-12',
    'computer-use-2025-01-24',
    'computer-use-2025-11-24',
    'context-1m-2025-08-07',
    'context-management-2025-06-27',
    'interleaved-thinking-2025-05-14',
    'tool-search-tool-2025-10-19',
    'web-search-2025-03-05',
    'thinking-display-updates-2026-08-18',
  ].map((name) => [name, name] as const),
  ['advanced-tool-use-2025-11-20', 'tool-search-tool-2025-10-19'],
]);
