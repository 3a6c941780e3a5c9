import { expect, test } from 'vitest';
import { CliError } from '../cli-error.ts';
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

test('several providers may serve a wire, in a fixed order; a compatible server needs no key', () => {
  const env: Record<string, string | undefined> = {
    OPENAI_COMPATIBLE_BASE_URL: 'http://localhost:11434/v1',
    OPENROUTER_API_KEY: 'or-key',
    OPENAI_API_KEY: 'o-key',
  };
  expect(takeUpstreams(env)).toEqual([
    { id: 'openai', api_key: 'o-key', base_url: 'https://api.openai.com/v1' },
    { id: 'openrouter', api_key: 'or-key', base_url: 'https://openrouter.ai/api/v1' },
    {
      id: 'openai-compatible',
      api_key: 'none',
      base_url: 'http://localhost:11434/v1',
      responses: false,
    },
  ]);
  expect(env).toEqual({});
  const told = {
    OPENAI_COMPATIBLE_BASE_URL: 'https://llm.example/v1',
    OPENAI_COMPATIBLE_API_KEY: 'c-key',
    OPENAI_COMPATIBLE_RESPONSES: '1',
  };
  expect(takeUpstreams(told)).toMatchObject([{ api_key: 'c-key', responses: true }]);
  expect(takeUpstreams({ OPENAI_COMPATIBLE_API_KEY: 'c-key' })).toEqual([{ id: 'demo' }]);
});

test.each([
  ['OPENAI_COMPATIBLE_BASE_URL', 'foo'],
  ['OPENAI_COMPATIBLE_BASE_URL', 'ftp://host/v1'],
  ['ANTHROPIC_BASE_URL', 'https://user:hunter2@host'],
  ['OPENROUTER_BASE_URL', 'https://host/?key=hunter2'],
  ['ANTHROPIC_API_KEY', 'hunter2 and more'],
  ['OPENAI_API_KEY', 'hunter2\n'],
])('%s=%j is told at once, by its name and without what it says', (name, value) => {
  let told: unknown;
  try {
    takeUpstreams({ [name]: value });
  } catch (error) {
    told = error;
  }
  expect(told).toBeInstanceOf(CliError);
  const { message, next } = told as CliError;
  expect([message, next].every((text) => text.includes(name))).toBe(true);
  expect(`${message}${next}`).not.toContain('hunter2');
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
