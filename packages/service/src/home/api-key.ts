import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_CHARS = 32;
/** `kt_live_` and the first 8 characters: enough to find a key by, useless to guess it from. */
const PREFIX_CHARS = 'kt_live_'.length + 8;
/** The largest multiple of 62 below 256: bytes above it would favour some characters. */
const UNBIASED = 248;

/** A fresh API key: `kt_live_` (or `kt_test_`) and 32 base62 characters (190 random bits). */
export function mintApiKey(mode: 'live' | 'test' = 'live'): string {
  return `kt_${mode}_${randomBase62(SECRET_CHARS)}`;
}

/** Random base62 characters, each as likely as any other. */
export function randomBase62(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < UNBIASED && text.length < length) text += BASE62[byte % 62];
    }
  }
  return text;
}

/** Whether `value` has the form of an API key. Says nothing about whether it is one. */
export function isApiKey(value: string): boolean {
  return /^kt_(live|test)_[0-9A-Za-z]{32}$/.test(value);
}

/** The part of a key by which its record is found. */
export function keyPrefix(key: string): string {
  return key.slice(0, PREFIX_CHARS);
}

/** HMAC-SHA-256 of a key under the home's pepper, hex. */
export function keyDigest(key: string, pepper: Buffer): string {
  return createHmac('sha256', pepper).update(key).digest('hex');
}

/** Compares two hex digests in a time that tells nothing about them. */
export function sameDigest(a: string, b: string): boolean {
  const left = Buffer.from(a, 'hex');
  const right = Buffer.from(b, 'hex');
  return left.length === right.length && timingSafeEqual(left, right);
}
