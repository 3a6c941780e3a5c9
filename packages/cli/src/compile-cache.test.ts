import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keepCompiled, ownFolder } from './compile-cache.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'karta-compiled-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('the folder of what Node compiled', () => {
  test('is in the user’s cache, for the user alone', () => {
    const folder = ownFolder({}, home);
    expect(folder).toBe(join(home, '.cache', 'karta', 'compiled'));
    expect(statSync(folder ?? '').mode & 0o777).toBe(0o700);
    expect(ownFolder({}, home)).toBe(folder);
  });

  test('follows the variables that move the cache', () => {
    const xdg = join(home, 'xdg');
    expect(ownFolder({ XDG_CACHE_HOME: xdg }, '/nowhere')).toBe(join(xdg, 'karta', 'compiled'));
    const own = join(home, 'own');
    expect(ownFolder({ KARTA_CACHE: own }, '/nowhere')).toBe(join(own, 'compiled'));
  });

  test.each(['.cache/karta/compiled', '.cache/karta', '.'])(
    'is not used when others may write %s',
    (path) => {
      mkdirSync(join(home, '.cache/karta/compiled'), { recursive: true });
      chmodSync(join(home, path), 0o777);
      expect(ownFolder({}, home)).toBe(null);
    },
  );

  test.runIf(process.getuid?.() === 0)('is not used when it is somebody else’s', () => {
    const folder = join(home, '.cache/karta/compiled');
    mkdirSync(folder, { recursive: true });
    chownSync(folder, 65534, 65534);
    expect(ownFolder({}, home)).toBe(null);
  });

  test('is done without where it cannot be made', () => {
    writeFileSync(join(home, '.cache'), 'a file');
    expect(ownFolder({}, home)).toBe(null);
  });
});

test('a folder that the environment names stays', () => {
  const env = { NODE_COMPILE_CACHE: '/elsewhere', KARTA_CACHE: home };
  keepCompiled(env);
  expect(env.NODE_COMPILE_CACHE).toBe('/elsewhere');
});
