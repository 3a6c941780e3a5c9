import { z } from 'zod';

const addRules = z.looseObject({
  type: z.literal('addRules'),
  behavior: z.literal('allow'),
  rules: z
    .array(z.looseObject({ toolName: z.string(), ruleContent: z.string().optional() }))
    .min(1),
});
const setMode = z.looseObject({ type: z.literal('setMode'), mode: z.literal('acceptEdits') });

/**
 * What a grant for the session would cover, from the rules that Claude Code suggests for its own
 * "always": `Bash: npm run *`, or all edits. `null` when it suggests none: then this exact input.
 */
export function ruleOf(tool: string, suggestions: readonly unknown[]): string | null {
  for (const suggestion of suggestions) {
    const rules = addRules.safeParse(suggestion);
    if (!rules.success) continue;
    return rules.data.rules
      .map(({ toolName, ruleContent }) => (ruleContent ? `${toolName}: ${ruleContent}` : toolName))
      .join(', ');
  }
  const edits = suggestions.some((suggestion) => setMode.safeParse(suggestion).success);
  return edits ? `${tool}: any file of the workspace` : null;
}
