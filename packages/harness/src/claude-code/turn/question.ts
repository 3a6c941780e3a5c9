import { z } from 'zod';

/** The tool by which Claude Code asks the person something. */
export const QUESTION_TOOL = 'AskUserQuestion';

const questions = z.array(
  z.looseObject({
    question: z.string(),
    options: z.array(z.looseObject({ label: z.string() })).default([]),
  }),
);
type Question = z.infer<typeof questions>[number];

function questionsIn(input: Record<string, unknown>): Question[] {
  const parsed = questions.safeParse(input.questions);
  return parsed.success ? parsed.data : [];
}

export function questionText(input: Record<string, unknown>): string {
  return questionsIn(input)
    .map(({ question }) => question)
    .join('\n');
}

/** The labels to choose from; the answer may be any other text. */
export function optionsOf(input: Record<string, unknown>): string[] {
  return questionsIn(input).flatMap(({ options }) => options.map(({ label }) => label));
}

/**
 * The input with its answers filled in. Several questions are answered line by line; the last line
 * stands for those that have none of their own.
 */
export function answersFor(
  input: Record<string, unknown>,
  message: string,
): Record<string, unknown> {
  const asked = questionsIn(input);
  const lines = asked.length > 1 ? message.split('\n') : [message];
  const answers = asked.map(({ question }, index) => [
    question,
    lines[index] ?? lines.at(-1) ?? '',
  ]);
  return { ...input, answers: Object.fromEntries(answers) };
}
