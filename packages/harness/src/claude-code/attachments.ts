/** Begins the line that names a message's files, by which Claude Code takes them in. */
const LEAD = '\n\nAttached files: ';
const LINE = /\n\nAttached files: (?:@"[^"\n]+"|@[^\s"]+)(?: (?:@"[^"\n]+"|@[^\s"]+))*$/;

/** The message with its files named, relative to the workspace. */
export function withAttachments(text: string, paths: readonly string[]): string {
  if (paths.length === 0) return text;
  const names = paths.map((path) => (/^[^\s"]+$/.test(path) ? `@${path}` : `@"${path}"`));
  return `${text}${LEAD}${names.join(' ')}`;
}

/** The message as it was sent to the platform. */
export function withoutAttachments(text: string): string {
  return text.replace(LINE, '');
}
