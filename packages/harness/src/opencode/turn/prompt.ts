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

/** What the model is told and the conversation does not show. */
export interface NotePart {
  type: 'text';
  text: string;
  synthetic: true;
}

export type Prompt =
  | { kind: 'text'; text: string; files: (FilePart | NotePart)[] }
  | { kind: 'command'; command: string; arguments: string; files: FilePart[] };

const COMMAND = /^\/([\w./-]+)(?:\s+([\s\S]*))?$/;

/**
 * Files that the model is shown as they are, by their extension when no type is given. Any other is
 * named, for the agent to open: OpenCode fails the whole turn over one that it cannot read as text,
 * or whose type its provider library does not know, and over every turn after it.
 */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.pdf': 'application/pdf',
};
const SHOWN: ReadonlySet<string> = new Set(Object.values(MEDIA_TYPES));

/** A message as OpenCode takes it: a slash command when the folder has one of that name. */
export function promptOf(
  input: TurnInput,
  workspace: string,
  commands: ReadonlySet<string>,
): Prompt {
  const files: FilePart[] = [];
  const named: string[] = [];
  for (const { path, mediaType } of input.attachments) {
    // Resolved below the workspace; what a link there leads to is the sandbox's to bound.
    const below = posix.join('/', path);
    const mime = mediaType ?? MEDIA_TYPES[posix.extname(path).toLowerCase()] ?? '';
    if (SHOWN.has(mime)) {
      const url = pathToFileURL(posix.join(workspace, below)).href;
      files.push({ type: 'file', mime, filename: posix.basename(path), url });
    } else {
      named.push(JSON.stringify(below.slice(1)));
    }
  }
  // In the form of the harnesses' own notes, so that no model takes it for the person's words.
  const note = named.length ? `<attached-files>${named.join(', ')}</attached-files>` : '';
  const [, command, rest = ''] = COMMAND.exec(input.text) ?? [];
  if (command !== undefined && commands.has(command)) {
    return { kind: 'command', command, arguments: note ? `${rest}\n\n${note}` : rest, files };
  }
  const notes: NotePart[] = note ? [{ type: 'text', text: note, synthetic: true }] : [];
  return { kind: 'text', text: input.text, files: [...notes, ...files] };
}
