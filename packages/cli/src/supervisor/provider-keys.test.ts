import { expect, test } from 'vitest';
import { modelLine, takeUpstreams } from './provider-keys.ts';

test('keys make upstreams and leave the environment', () => {
  const env: Record<string, string | undefined> = {
    PATH: '/bin',
    ANTHROPIC_API_KEY: 'a-key',
    OPENAI_API_KEY: 'o-key',
    OPENAI_BASE_URL: 'http://localhost:1234/v1',
  };
  expect(takeUpstreams(env)).toEqual([
    { id: 'anthropic', api_key: 'a-key', base_url: 'https://api.anthropic.com' },
    { id: 'openai', api_key: 'o-key', base_url: 'http://localhost:1234/v1' },
  ]);
  expect(env).toEqual({ PATH: '/bin' });
});

test('without a key the demo model answers; an empty one is none', () => {
  expect(takeUpstreams({ ANTHROPIC_API_KEY: '' })).toEqual([{ id: 'demo' }]);
  expect(takeUpstreams({ ANTHROPIC_BASE_URL: 'http://x' })).toEqual([{ id: 'demo' }]);
});

test('the line for people names the model and never a key', () => {
  expect(modelLine([{ id: 'demo' }])).toContain('set ANTHROPIC_API_KEY or OPENAI_API_KEY');
  const line = modelLine([
    { id: 'anthropic', api_key: 'sk-secret', base_url: 'https://api.anthropic.com' },
  ]);
  expect(line).toBe('anthropic at api.anthropic.com');
});
