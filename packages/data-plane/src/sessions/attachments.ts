import { Readable } from 'node:stream';
import { type Attachment, KartaError, LIMITS } from '@karta/protocol';
import type { Release } from '../control/port.ts';
import type { StoredAttachment } from '../sql/index.ts';
import type { Engine } from './engine.ts';
import type { LiveSession } from './live-session.ts';

/** Where files that came with a message are put, below `/workspace`. */
const FOLDER = 'uploads';

/**
 * Puts a message's attachments into the workspace and returns their paths. Throws `KartaError`:
 * `validation_failed` for a path that is no file of the session.
 */
export async function storeAttachments(
  engine: Engine,
  session: LiveSession,
  release: Release,
  attachments: readonly Attachment[],
): Promise<StoredAttachment[]> {
  const stored: StoredAttachment[] = [];
  if (attachments.length === 0) return stored;
  const taken = new Set<string>();
  if (attachments.some((attachment) => 'data' in attachment)) {
    const list = await engine.runner.listFiles(session.runnerSession(release), FOLDER);
    for (const file of list.files) taken.add(file.path);
  }
  for (const [index, attachment] of attachments.entries()) {
    if ('path' in attachment) {
      await requireFile(engine, session, release, attachment.path, index);
      stored.push({ path: attachment.path, mediaType: null });
      continue;
    }
    const path = freePath(attachment.name, taken);
    taken.add(path);
    const body = Readable.from([Buffer.from(attachment.data, 'base64')]);
    const place = session.runnerSession(release);
    const written = await engine.runner.writeFile(place, path, body, LIMITS.fileBytes);
    await session.keepPlace(written.volumeId, null, null);
    stored.push({ path, mediaType: attachment.media_type ?? null });
  }
  return stored;
}

async function requireFile(
  engine: Engine,
  session: LiveSession,
  release: Release,
  path: string,
  index: number,
): Promise<void> {
  const { files } = await engine.runner.listFiles(session.runnerSession(release), path);
  if (files.some((file) => file.path === path && file.kind === 'file')) return;
  throw new KartaError('validation_failed', `The session has no file ${path}.`, {
    extra: { errors: [{ pointer: `/attachments/${index}/path`, message: 'is no file' }] },
  });
}

/** `uploads/<name>`, with a number before the extension when that is taken. */
export function freePath(name: string, taken: ReadonlySet<string>): string {
  const plain = plainName(name);
  const dot = plain.lastIndexOf('.');
  const [stem, extension] = dot > 0 ? [plain.slice(0, dot), plain.slice(dot)] : [plain, ''];
  let path = `${FOLDER}/${plain}`;
  for (let count = 2; taken.has(path); count += 1) path = `${FOLDER}/${stem}-${count}${extension}`;
  return path;
}

/** The last part of a name, with nothing that a path or a shell would take for more than a name. */
function plainName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const plain = last.replace(/[^\p{L}\p{N}._ -]/gu, '_').replace(/^[. -]+/, '');
  return plain === '' ? 'file' : plain;
}
