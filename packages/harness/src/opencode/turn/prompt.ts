import { posix } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TurnInput } from '../../port.ts';

/** A file that goes with a prompt. */
export interface FilePart {
  type: 'file';
  mime: string;
  filename: string;
  url: string;
}

export type Prompt =
  | { kind: 'text'; text: string; files: FilePart[] }
  | { kind: 'command'; command: string; arguments: string; files: FilePart[] };

const COMMAND = /^\/([\w./-]+)(?:\s+([\s\S]*))?$/;

/** Types by which OpenCode decides what the model is shown; other files are read as text. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.pdf': 'application/pdf',
};

/** A message as OpenCode takes it: a slash command when the folder has one of that name. */
export function promptOf(
  input: TurnInput,
  workspace: string,
  commands: ReadonlySet<string>,
): Prompt {
  const files = input.attachments.map(({ path, mediaType }) => ({
    type: 'file' as const,
    mime: mediaType ?? MEDIA_TYPES[posix.extname(path).toLowerCase()] ?? 'text/plain',
    filename: posix.basename(path),
    // Resolved below the workspace; what a link there leads to is the sandbox's to bound.
    url: pathToFileURL(posix.join(workspace, posix.join('/', path))).href,
  }));
  const [, command, rest = ''] = COMMAND.exec(input.text) ?? [];
  if (command !== undefined && commands.has(command)) {
    return { kind: 'command', command, arguments: rest, files };
  }
  return { kind: 'text', text: input.text, files };
}
