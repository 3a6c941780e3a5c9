import type { IncomingMessage } from 'node:http';

/** A header that the door adds, whose value no sandbox sees. */
export interface AddedHeader {
  header: string;
  value: string;
}

/** Headers of one connection, not of the message (RFC 9110, 7.6.1), and those the door sets itself. */
const NOT_PASSED = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding'],
  ...['upgrade', 'expect', 'host', 'proxy-authorization', 'proxy-authenticate'],
]);

/**
 * A message's headers for the next connection: without those of its own connection, those it names
 * in `connection`, and `except`. Names and values by turns, as they came.
 */
export function passedHeaders(message: IncomingMessage, except?: string): string[] {
  const named = (message.headers.connection ?? '').toLowerCase().split(',');
  const left = new Set([...NOT_PASSED, ...named.map((name) => name.trim()), except?.toLowerCase()]);
  const passed: string[] = [];
  for (let at = 0; at + 1 < message.rawHeaders.length; at += 2) {
    const [name = '', value = ''] = message.rawHeaders.slice(at, at + 2);
    if (!left.has(name.toLowerCase())) passed.push(name, value);
  }
  return passed;
}
