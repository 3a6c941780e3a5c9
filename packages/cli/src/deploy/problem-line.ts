import type { ReleaseProblem } from '@karta/protocol';

/** `karta.toml:3: …`, as editors and people jump to it. */
export function problemLine({ file, line, message }: ReleaseProblem): string {
  const place = line > 0 ? `${file}:${line}` : file;
  return place === '' ? message : `${place}: ${message}`;
}
