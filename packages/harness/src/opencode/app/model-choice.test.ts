import { describe, expect, test } from 'vitest';
import { chooseModel, familyOf, formatModel, isServed, parseModel } from './model-choice.ts';

const access = {
  offer: 'model',
  credential: 'c',
  families: ['openai', 'anthropic'] as const,
  defaults: { anthropic: 'claude-default', openai: 'openai/gpt-default' },
};

test('a name has a provider and a model, which may hold slashes', () => {
  expect(parseModel('openai/org/model')).toEqual({ provider: 'openai', model: 'org/model' });
  for (const name of ['model', '/model', 'openai/', '']) expect(parseModel(name)).toBeNull();
  expect(formatModel({ provider: 'a', model: 'b/c' })).toBe('a/b/c');
});

test('the providers of the wire families are known', () => {
  expect(familyOf('anthropic/x')).toBe('anthropic');
  expect(familyOf('openai/x')).toBe('openai');
  expect(familyOf('openrouter/anthropic/x')).toBe('openai');
  expect(familyOf('bedrock/x')).toBe('anthropic');
  expect(familyOf('google/x')).toBeNull();
  expect(familyOf('constructor/x')).toBeNull();
  expect(familyOf('anthropic')).toBeNull();
});

describe('the choice', () => {
  test("a folder's own is kept when some upstream serves it", () => {
    expect(chooseModel('anthropic/mine', access)).toEqual({ provider: 'anthropic', model: 'mine' });
  });

  test('else it is the default of the preferred family', () => {
    const fallback = { provider: 'openai', model: 'gpt-default' };
    expect(chooseModel(null, access)).toEqual(fallback);
    expect(chooseModel('evil/x', access)).toEqual(fallback);
    const one = { ...access, families: ['anthropic'] as const };
    expect(isServed('openai/mine', one)).toBe(false);
    expect(chooseModel('openai/mine', one)).toEqual({
      provider: 'anthropic',
      model: 'claude-default',
    });
  });

  test('a family without a default is passed over; without any there is none', () => {
    expect(chooseModel(null, { ...access, defaults: { anthropic: 'a' } })).toEqual({
      provider: 'anthropic',
      model: 'a',
    });
    expect(chooseModel(null, { ...access, defaults: {} })).toBeNull();
  });

  test('a default may name its provider, and where nobody has Responses one that has none', () => {
    const named = { ...access, defaults: { openai: 'openrouter/openai/gpt-5' } };
    const router = { provider: 'openrouter', model: 'openai/gpt-5' };
    expect(chooseModel(null, named)).toEqual(router);
    const chat = { ...access, chatProvider: 'openai-compatible' as const };
    expect(chooseModel('openai/llama', chat)).toEqual({
      provider: 'openai-compatible',
      model: 'llama',
    });
    expect(chooseModel('anthropic/x', chat)?.provider).toBe('anthropic');
  });
});
