import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { localKms } from './kms.ts';
import { openSecret, sealSecret, wrapAnew } from './sealed-secret.ts';

const hex = () => randomBytes(32).toString('hex');
const [older, newer] = [hex(), hex()];
const OWNER = { id: 'pkey_1', org_id: 'org_1', provider: 'anthropic' } as const;
const SECRET = { api_key: 'sk-ant-of-org-1' };

describe('a sealed secret', () => {
  it('is opened as it was, whatever its parts', async () => {
    const kms = localKms(older);
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }),
        async (secret) => {
          const sealed = await sealSecret(kms, OWNER, secret);
          expect(await openSecret(kms, { ...OWNER, ...sealed })).toEqual(secret);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('shows nothing of itself, and never looks the same twice', async () => {
    const kms = localKms(older);
    const [one, two] = [await sealSecret(kms, OWNER, SECRET), await sealSecret(kms, OWNER, SECRET)];
    expect(one.sealed).not.toBe(two.sealed);
    expect(one.wrapped_key).not.toBe(two.wrapped_key);
    const bytes = Buffer.from(one.sealed ?? '', 'base64').toString('latin1');
    expect(bytes).not.toContain(SECRET.api_key);
  });

  it('opens in its own row alone', async () => {
    const kms = localKms(older);
    const sealed = await sealSecret(kms, OWNER, SECRET);
    for (const other of [{ id: 'pkey_2' }, { org_id: 'org_2' }, { provider: 'openai' as const }]) {
      await expect(openSecret(kms, { ...OWNER, ...sealed, ...other })).rejects.toThrow();
    }
  });

  it('does not open when a bit of it or of its data key was changed', async () => {
    const kms = localKms(older);
    const sealed = await sealSecret(kms, OWNER, SECRET);
    for (const part of ['sealed', 'wrapped_key'] as const) {
      const bytes = Buffer.from(sealed[part] ?? '', 'base64');
      for (const at of [0, 12, bytes.length - 1]) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 1;
        const row = { ...OWNER, ...sealed, [part]: changed.toString('base64') };
        await expect(openSecret(kms, row)).rejects.toThrow();
      }
    }
  });

  it('is wrapped anew without being opened; then the older key is of no more use', async () => {
    const sealed = await sealSecret(localKms(older), OWNER, SECRET);
    const both = localKms(`${newer},${older}`);
    const { wrapped_key = '', kek_id = '' } = sealed;
    const anew = await wrapAnew(both, OWNER, {
      wrapped_key: wrapped_key ?? '',
      kek_id: kek_id ?? '',
    });
    const row = { ...OWNER, ...sealed, ...anew };
    expect(await openSecret(localKms(newer), row)).toEqual(SECRET);
    await expect(openSecret(localKms(older), row)).rejects.toThrow('not among those');
  });

  it('cannot be opened once it is destroyed', async () => {
    const row = { ...OWNER, sealed: null, wrapped_key: null, kek_id: null };
    await expect(openSecret(localKms(older), row)).rejects.toThrow('is destroyed');
  });
});

describe('key-encryption keys', () => {
  it('are 32 bytes each; what is none is refused without being shown', () => {
    expect(() => localKms('')).toThrow('there is no key-encryption key');
    const wrong = `${older.slice(0, 62)}zz`;
    expect(() => localKms(wrong)).toThrow(/^a key-encryption key is not 32 bytes in hex digits$/);
    expect(localKms(`${newer}\n${older}`).currentId).toBe(localKms(newer).currentId);
  });
});
