/**
 * Text from an agent as it may go to a terminal: without the control characters that move the
 * cursor, rename the window or paste into the shell, and without those that reorder what is read, so
 * that a command cannot look like another. Line breaks and tabs stay.
 */
export function plainText(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]|\p{Bidi_Control}/gu, '');
}

/** Plain text on one line, at most `chars` long. */
export function oneLine(text: string, chars: number): string {
  const line = plainText(text).replace(/\s+/g, ' ').trim();
  return line.length <= chars ? line : `${line.slice(0, chars - 1)}…`;
}
