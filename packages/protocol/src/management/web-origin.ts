import { z } from 'zod';

const MAX_CHARS = 255;

/** An exact origin of a browser: scheme, host and port, without a path or a wildcard. */
export const webOrigin = z
  .string()
  .max(MAX_CHARS)
  .refine(isOrigin, 'must be an exact origin such as https://shop.example, without a path');

function isOrigin(value: string): boolean {
  const url = URL.parse(value);
  // A wildcard would pass for a host, and no browser ever sends one.
  return (
    url !== null && /^https?:$/.test(url.protocol) && url.origin === value && !value.includes('*')
  );
}
