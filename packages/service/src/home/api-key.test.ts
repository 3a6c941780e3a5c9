import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isApiKey, keyDigest, keyPrefix, mintApiKey, sameDigest } from './api-key.ts';
import { loadPepper } from './pepper.ts';

describe('an API key', () => {
  it('is kt_live_ and 32 base62 characters, each as likely as any other', () => {
    const counts = new Map<string, number>();
    const KEYS = 4000;
    for (let n = 0; n < KEYS; n += 1) {
      const key = mintApiKey();
      expect(isApiKey(key)).toBe(true);
      for (const char of key.slice('kt_live_'.length))
        counts.set(char, (counts.get(char) ?? 0) + 1);
    }
    expect(counts.size).toBe(62);
    const even = (KEYS * 32) / 62;
    for (const [char, count] of counts) {
      expect(Math.abs(count - even) / even, char).toBeLessThan(0.2);
    }
  });

  it('is known by its form', () => {
    const secret = 'a'.repeat(32);
    expect(isApiKey(`kt_test_${secret}`)).toBe(true);
    for (const wrong of [
      secret,
      `kt_live_${secret}a`,
      `kt_dead_${secret}`,
      `kt_live_${secret}\n`,
    ]) {
      expect(isApiKey(wrong), wrong).toBe(false);
    }
  });

  it('is found by a prefix that does not give it away', () => {
    const key = mintApiKey();
    expect(key.startsWith(keyPrefix(key))).toBe(true);
    expect(key.length - keyPrefix(key).length).toBe(24);
  });
});

describe('a digest', () => {
  it('is the same for the same key and pepper only', () => {
    const [pepper, other] = [randomBytes(32), randomBytes(32)];
    const key = mintApiKey();
    expect(keyDigest(key, pepper)).toMatch(/^[0-9a-f]{64}$/);
    expect(sameDigest(keyDigest(key, pepper), keyDigest(key, pepper))).toBe(true);
    expect(sameDigest(keyDigest(key, pepper), keyDigest(key, other))).toBe(false);
    expect(sameDigest(keyDigest(key, pepper), keyDigest(mintApiKey(), pepper))).toBe(false);
    expect(sameDigest(keyDigest(key, pepper), '')).toBe(false);
  });
});

describe('the pepper', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'karta-pepper-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  it('is made once, however many ask at first', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => loadPepper(home)));
    expect(new Set(all.map((pepper) => pepper.toString('hex'))).size).toBe(1);
    expect(all[0]).toHaveLength(32);
    expect((await stat(join(home, 'secrets', 'pepper'))).mode & 0o777).toBe(0o600);
  });

  it('keeps to a folder that is there already', async () => {
    await mkdir(join(home, 'secrets'), { mode: 0o700 });
    const first = await loadPepper(home);
    expect(await loadPepper(home)).toEqual(first);
  });
});
