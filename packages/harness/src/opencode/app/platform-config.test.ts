import { expect, test } from 'vitest';
import { appFolderOf } from '../../app/index.ts';
import { detectApp } from './detect.ts';
import { platformConfig } from './platform-config.ts';

function configOf(files: Record<string, string>, families = ['anthropic', 'openai'] as const) {
  const app = appFolderOf(files);
  const model = {
    offer: 'model',
    credential: 'secret-of-this-channel',
    families,
    defaults: { anthropic: 'claude-demo', openai: 'gpt-demo' },
  };
  return platformConfig({ app, detection: detectApp(app), model }, { modelStallMs: 1_234 });
}

test('both providers lead to the platform, by variables of the process', () => {
  const config = configOf({});
  expect(config).toMatchObject({
    model: 'anthropic/claude-demo',
    small_model: 'anthropic/claude-demo',
    enabled_providers: ['anthropic', 'openai'],
    disabled_providers: [],
    autoupdate: false,
    share: 'disabled',
    provider: {
      anthropic: {
        npm: '@ai-sdk/anthropic',
        options: {
          baseURL: '{env:KARTA_ANTHROPIC_URL}',
          apiKey: '{env:KARTA_MODEL_CREDENTIAL}',
          chunkTimeout: 1_234,
        },
        models: { 'claude-demo': { provider: { npm: '@ai-sdk/anthropic' } } },
      },
      openai: { npm: '@ai-sdk/openai', options: { baseURL: '{env:KARTA_OPENAI_URL}' } },
    },
  });
  expect(JSON.stringify(config)).not.toContain('secret-of-this-channel');
});

test("the folder's own models are kept when they are served", () => {
  const own = '{"model":"openai/gpt-5","small_model":"openai/gpt-5-mini"}';
  expect(configOf({ 'opencode.json': own })).toMatchObject({
    model: 'openai/gpt-5',
    small_model: 'openai/gpt-5-mini',
  });
});

test('models that nobody serves are replaced, those of agents too', () => {
  const config = configOf({
    'opencode.json': '{"model":"evil/x","small_model":"evil/y"}',
    '.opencode/agent/a.md': '---\nmodel: evil/z\n---\n',
    '.opencode/agent/b.md': '---\nmodel: openai/gpt-5\n---\n',
  });
  expect(config).toMatchObject({
    model: 'anthropic/claude-demo',
    small_model: 'anthropic/claude-demo',
    agent: { a: { model: 'anthropic/claude-demo' } },
  });
  expect(Object.keys(config.agent as object)).toEqual(['a']);
});

test('a model outside the catalogue is given limits, others keep theirs', () => {
  const modelsOf = (model: string) => {
    const config = configOf({ 'opencode.json': JSON.stringify({ model }) });
    return (config.provider as Record<string, { models?: unknown }>).anthropic?.models;
  };
  expect(modelsOf('anthropic/house-blend')).toMatchObject({
    'house-blend': { limit: { context: 200_000, output: 32_000 } },
  });
  expect(JSON.stringify(modelsOf('anthropic/claude-sonnet-4-5'))).not.toContain('limit');
});

test('the one agent of a folder leads; of several, or with a choice made, nothing is said', () => {
  const one = { '.opencode/agent/a.md': '---\nmode: primary\n---\n' };
  expect(configOf(one)).toMatchObject({ default_agent: 'a' });
  expect(configOf({ ...one, '.opencode/agent/b.md': 'b' })).not.toHaveProperty('default_agent');
  expect(configOf({ ...one, 'opencode.json': '{"default_agent":"plan"}' })).not.toHaveProperty(
    'default_agent',
  );
});

test('models of named providers are offered under their whole names, by Chat Completions', () => {
  const config = configOf({
    'opencode.json': '{"model":"openrouter/anthropic/claude-x","small_model":"openai/gpt-5-mini"}',
    '.opencode/agent/a.md': '---\nmodel: bedrock/anthropic.claude-y\n---\n',
  });
  expect(config).toMatchObject({
    model: 'openrouter/anthropic/claude-x',
    small_model: 'openai/gpt-5-mini',
    enabled_providers: ['anthropic', 'openai', 'openrouter', 'bedrock'],
    provider: {
      openrouter: {
        npm: '@ai-sdk/openai-compatible',
        options: { baseURL: '{env:KARTA_OPENAI_URL}', chunkTimeout: 1_234 },
        models: { 'anthropic/claude-x': { id: 'openrouter/anthropic/claude-x' } },
      },
      bedrock: {
        npm: '@ai-sdk/anthropic',
        options: { baseURL: '{env:KARTA_ANTHROPIC_URL}' },
        models: { 'anthropic.claude-y': { id: 'bedrock/anthropic.claude-y' } },
      },
    },
  });
  expect(config).not.toHaveProperty('agent');
});
