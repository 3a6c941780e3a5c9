import { KartaError } from '@karta/protocol';

const MAX_PATH_CHARS = 4096;

/**
 * The file a request's address names, percent-decoded segment by segment. Throws `KartaError`:
 * `invalid_request` for an encoding that is none, `not_found` for a path that no file can have.
 * `url` is the address as it was sent, so that nothing has been decoded twice.
 */
export function filePathOf(url: string): string {
  const encoded = /\/files\/([^?#]*)/.exec(url)?.[1] ?? '';
  const segments = encoded.split('/').map(decodeSegment);
  const path = segments.join('/');
  if (path.length > MAX_PATH_CHARS || segments.some((segment) => !canBeName(segment))) {
    throw new KartaError('not_found', 'No file can have this path.');
  }
  return path;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new KartaError('invalid_request', 'The path is not percent-encoded UTF-8.');
  }
}

/** Neither a way out of the folder nor a separator in disguise. */
function canBeName(segment: string): boolean {
  return segment !== '' && segment !== '.' && segment !== '..' && !/[/\\\0]/.test(segment);
}

/** `content-disposition` that makes a browser save the file and never show it. */
export function attachmentHeader(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
