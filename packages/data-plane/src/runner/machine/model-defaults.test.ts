import { expect, test } from 'vitest';
import { modelDefaults } from './model-defaults.ts';

test('the release comes before the operator, for the family it names', () => {
  expect(modelDefaults('openai/gpt-5-mini', ['anthropic', 'openai'])).toEqual({
    openai: 'gpt-5-mini',
  });
  expect(modelDefaults('opus', ['anthropic'])).toEqual({ anthropic: 'opus' });
  expect(modelDefaults('openrouter/openai/gpt-5', ['anthropic', 'openai'])).toEqual({
    openai: 'openrouter/openai/gpt-5',
  });
});

test('an application without a choice is given one for every family that is served', () => {
  expect(modelDefaults(null, ['openai', 'anthropic'])).toEqual({
    openai: expect.any(String),
    anthropic: expect.any(String),
  });
  expect(modelDefaults(null, ['anthropic'])).not.toHaveProperty('openai');
});
