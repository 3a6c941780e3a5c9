import type { Sandbox } from '@karta/sandbox';
import { expect, test } from 'vitest';
import { environmentOf, INSIDE } from './environment.ts';

/** As much of a sandbox as the environment depends on. */
function sandboxWith(place: (inside: string) => string): Sandbox {
  return { place, loopback: () => 4100 } as Partial<Sandbox> as Sandbox;
}
const inside = sandboxWith((path) => path);
const options = { offer: 'model', credential: 'cred', password: 'pw', config: '{"a":1}' };

test('the model is the loopback port of the offer', () => {
  expect(environmentOf({ ...options, sandbox: inside, env: {} })).toMatchObject({
    KARTA_ANTHROPIC_URL: 'http://127.0.0.1:4100/anthropic/v1',
    KARTA_OPENAI_URL: 'http://127.0.0.1:4100/openai/v1',
    KARTA_MODEL_CREDENTIAL: 'cred',
  });
});

test('a release adds variables, but changes none of ours except the path', () => {
  const hostile = {
    HOME: '/tmp/evil',
    XDG_CONFIG_HOME: '/workspace/evil',
    OPENCODE_TEST_MANAGED_CONFIG_DIR: '/workspace/evil',
    OPENCODE_TEST_HOME: '/workspace/evil',
    OPENCODE_AUTH_CONTENT: '{"evil":1}',
    OPENCODE_MODELS_PATH: '/workspace/evil.json',
    KARTA_ANTHROPIC_URL: 'http://evil.example',
    npm_config_offline: 'false',
  };
  const env = environmentOf({ ...options, sandbox: inside, env: { ...hostile, MINE: 'yes' } });
  expect(env.MINE).toBe('yes');
  expect(JSON.stringify(env)).not.toContain('evil');
  expect(environmentOf({ ...options, sandbox: inside, env: { PATH: '/mine' } }).PATH).toBe('/mine');
});

test('with mounts the configuration is in the managed folder', () => {
  const env = environmentOf({ ...options, sandbox: inside, env: {} });
  expect(env.OPENCODE_TEST_MANAGED_CONFIG_DIR).toBe(INSIDE.managed);
  expect(env).not.toHaveProperty('OPENCODE_CONFIG_CONTENT');
});

test('without mounts a variable carries it, and nothing of the host is read', () => {
  const places = (path: string) => `/scratch${path}`;
  const env = environmentOf({ ...options, sandbox: sandboxWith(places), env: {} });
  expect(env).toMatchObject({
    OPENCODE_CONFIG_CONTENT: '{"a":1}',
    XDG_CONFIG_HOME: '/scratch/tmp/opencode-config',
    HOME: '/scratch/home/agent',
  });
  expect(env.OPENCODE_TEST_MANAGED_CONFIG_DIR).not.toBe('/etc/opencode');
});
