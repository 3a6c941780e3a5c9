import { z } from 'zod';

/** A base URL of the operator's own: neither credentials, query nor fragment. */
export const baseUrl = z.url({ protocol: /^https?$/ }).refine((value) => {
  const { username, password, search, hash } = new URL(value);
  return [username, password, search, hash].every((part) => part === '');
}, 'must have neither credentials, query nor fragment');

/** A key goes into a header: printable ASCII without spaces. */
export const apiKey = z.string().regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces');
