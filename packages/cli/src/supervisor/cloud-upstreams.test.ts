import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliError } from '../cli-error.ts';
import { modelFinding } from '../doctor/models.ts';
import { modelLine, takeUpstreams } from './provider-keys.ts';

const AWS = {
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: 'AKIATEST000000000001',
  AWS_SECRET_ACCESS_KEY: 'a/secret/of/forty/characters/0123456789ab',
};
const SECRETS = Object.values(AWS).slice(1);

let folder: string;
let google: Record<string, string>;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-clouds-'));
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const account = { type: 'service_account', client_email: 'a@b', project_id: 'my-project' };
  file = JSON.stringify({ ...account, private_key: privateKey });
  const path = join(folder, 'account.json');
  await writeFile(path, file);
  google = {
    GOOGLE_APPLICATION_CREDENTIALS: path,
    ANTHROPIC_VERTEX_PROJECT_ID: 'billed-project',
    CLOUD_ML_REGION: 'global',
  };
});
afterAll(() => rm(folder, { recursive: true }));

describe('clouds', () => {
  it('count when they are switched on, and their secrets leave the environment', () => {
    const env = { ...AWS, ...google, KARTA_BEDROCK: '1', KARTA_VERTEX: '1', AWS_SESSION_TOKEN: '' };
    expect(takeUpstreams(env)).toEqual([
      {
        id: 'bedrock',
        region: 'eu-west-1',
        access_key_id: AWS.AWS_ACCESS_KEY_ID,
        secret_access_key: AWS.AWS_SECRET_ACCESS_KEY,
      },
      { id: 'vertex', location: 'global', project: 'billed-project', service_account: file },
    ]);
    expect(env).toEqual({ AWS_REGION: 'eu-west-1', CLOUD_ML_REGION: 'global' });
  });

  it('come after Anthropic, with a temporary key and addresses of the operator’s own too', () => {
    const more = {
      AWS_SESSION_TOKEN: 'a-session-token',
      ANTHROPIC_BEDROCK_BASE_URL: 'https://bedrock.internal',
      ANTHROPIC_API_KEY: 'a-key',
    };
    const upstreams = takeUpstreams({ ...AWS, ...more, KARTA_BEDROCK: '1' });
    expect(upstreams).toMatchObject([
      { id: 'anthropic' },
      { id: 'bedrock', session_token: 'a-session-token', base_url: 'https://bedrock.internal' },
    ]);
    expect(modelLine(upstreams)).toBe(
      'anthropic at api.anthropic.com, bedrock in eu-west-1 at bedrock.internal',
    );
  });

  it('may have a key in a file in which somebody renews it', async () => {
    const path = join(folder, 'credentials');
    await writeFile(path, '[default]\n\n[karta]\naws_access_key_id = A\n');
    const env = { AWS_REGION: 'eu-west-1', AWS_SHARED_CREDENTIALS_FILE: path };
    const on = { ...env, KARTA_BEDROCK: '1' };
    const bedrock = { id: 'bedrock', region: 'eu-west-1' };
    expect(takeUpstreams({ ...on })).toEqual([
      { ...bedrock, credentials_file: { path, profile: 'default' } },
    ]);
    expect(takeUpstreams({ ...on, AWS_PROFILE: 'karta' })).toMatchObject([
      { credentials_file: { profile: 'karta' } },
    ]);
    // A key that is named outright counts before it.
    expect(takeUpstreams({ ...on, ...AWS })).toMatchObject([
      { access_key_id: AWS.AWS_ACCESS_KEY_ID },
    ]);
    for (const wrong of [
      { AWS_PROFILE: 'nobody' },
      { AWS_SHARED_CREDENTIALS_FILE: '/nowhere/credentials' },
      { AWS_SHARED_CREDENTIALS_FILE: 'credentials' },
    ]) {
      expect(() => takeUpstreams({ ...on, ...wrong })).toThrow(CliError);
    }
    expect(() => takeUpstreams({ ...on, AWS_REGION: undefined })).toThrow(/something is missing/);
  });

  it('may have Google at addresses of the operator’s own', () => {
    const more = {
      ANTHROPIC_VERTEX_BASE_URL: 'https://vertex.internal/v1',
      KARTA_VERTEX_TOKEN_URL: 'https://oauth2.internal/token',
    };
    expect(takeUpstreams({ ...google, ...more, KARTA_VERTEX: '1' })).toMatchObject([
      { base_url: 'https://vertex.internal/v1', token_url: 'https://oauth2.internal/token' },
    ]);
  });

  it.each([{}, { KARTA_BEDROCK: '0', KARTA_VERTEX: '' }])(
    'change nothing for what is there for other programs: %j',
    (switches) => {
      const env = { ...AWS, ...google, ...switches };
      expect(takeUpstreams(env)).toEqual([{ id: 'demo' }]);
      expect(env).toEqual({ ...AWS, ...google });
    },
  );

  it.each([
    ['no key', { KARTA_BEDROCK: '1', AWS_REGION: 'eu-west-1' }, 'AWS_ACCESS_KEY_ID'],
    ['no region', { KARTA_BEDROCK: '1', ...AWS, AWS_REGION: undefined }, 'AWS_REGION'],
    ['a region that is none', { KARTA_BEDROCK: '1', ...AWS, AWS_REGION: 'x.y' }, 'AWS_REGION'],
    ['an unclear switch', { KARTA_BEDROCK: 'yes', ...AWS }, 'KARTA_BEDROCK'],
    ['no account', { KARTA_VERTEX: '1', CLOUD_ML_REGION: 'eu' }, 'GOOGLE_APPLICATION_CREDENTIALS'],
    [
      'no such file',
      { KARTA_VERTEX: '1', GOOGLE_APPLICATION_CREDENTIALS: '/nowhere/x.json' },
      'GOOGLE_APPLICATION_CREDENTIALS',
    ],
  ])('are not served with %s, which is told without a secret', (_what, env, named) => {
    let told: CliError | null = null;
    try {
      takeUpstreams({ ...env });
    } catch (error) {
      told = error as CliError;
    }
    expect(told).toBeInstanceOf(CliError);
    const text = [told?.message, ...(told?.details ?? []), told?.next].join('\n');
    expect(text).toContain(named);
    for (const secret of SECRETS) expect(text).not.toContain(secret);
    expect(modelFinding(env)).toMatchObject({ state: 'missing' });
  });

  it('are told of by karta doctor, without a secret', () => {
    const found = modelFinding({ ...AWS, ...google, KARTA_BEDROCK: '1', KARTA_VERTEX: '1' });
    expect(found.state).toBe('good');
    const text = JSON.stringify(found);
    expect(text).toContain('bedrock in eu-west-1');
    expect(text).toContain('vertex in global');
    for (const secret of SECRETS) expect(text).not.toContain(secret);
  });
});
