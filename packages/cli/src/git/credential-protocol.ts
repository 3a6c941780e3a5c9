/** What git tells and takes of a credential: lines of `name=value`, closed by an empty one. */
export type GitCredential = ReadonlyMap<string, string>;

/** Reads git's question. What follows the first empty line is not git's. */
export function parseCredential(text: string): GitCredential {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '') break;
    const at = line.indexOf('=');
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1));
  }
  return fields;
}

/** An answer for git. Throws an `Error` for a value that would read as further lines. */
export function credentialText(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => {
      if (/[\n\0]/.test(value)) throw new Error(`the ${name} cannot be told to git`);
      return `${name}=${value}\n`;
    })
    .join('');
}

/** Whether git asks about the server at `url`: the same protocol, host and port. */
export function asksAbout(question: GitCredential, url: string): boolean {
  const { protocol, host } = new URL(url);
  return question.get('protocol') === protocol.slice(0, -1) && question.get('host') === host;
}
