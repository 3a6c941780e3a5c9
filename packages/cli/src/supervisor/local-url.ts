/** `http://localhost:8000` for a server on loopback: what people type, and what browsers trust. */
export function announcedUrl(url: string): string {
  return url.replace('//127.0.0.1:', '//localhost:');
}

/** The port of a URL that names one. */
export function portIn(url: string): number {
  return Number(new URL(url).port);
}
