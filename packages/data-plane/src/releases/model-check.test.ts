import type { WireFamily } from '@karta/protocol';
import { describe, expect, test } from 'vitest';
import { readKartaToml } from './karta-toml.ts';
import { modelProblems, type Upstreams } from './model-check.ts';
import { problemText } from './problem.ts';
import { appOf, INSTALLED, layoutHarness } from './testing/layout-harness.ts';

const DEMO: Upstreams = [
  { id: 'demo', families: ['anthropic', 'openai'], responses: true, endpoint: 'embedded' },
];
const ANTHROPIC: Upstreams = [
  {
    id: 'anthropic',
    families: ['anthropic'],
    responses: true,
    endpoint: 'https://api.anthropic.com',
  },
];
const OPENAI: Upstreams = [
  { id: 'openai', families: ['openai'], responses: true, endpoint: 'https://api.openai.com/v1' },
];

function check(
  upstreams: Upstreams,
  model: string | null,
  {
    families = ['anthropic', 'openai'],
    toml = '',
  }: { families?: WireFamily[]; toml?: string } = {},
): string[] {
  const app = appOf({ 'karta.toml': toml });
  const harness = layoutHarness('opencode', [], INSTALLED, families);
  const named = model === null ? null : { name: model, file: 'opencode.json', line: 4 };
  const chosen = {
    harness,
    version: '1.2.3',
    detection: { ...harness.detect(app), model: named },
  };
  return modelProblems(app, readKartaToml(app).toml, chosen, upstreams).map(problemText);
}

test('an application that names no model runs on whatever is there', () => {
  for (const upstreams of [DEMO, ANTHROPIC, OPENAI]) expect(check(upstreams, null)).toEqual([]);
});

test('the demo model answers under every name', () => {
  for (const model of ['anthropic/claude-sonnet-4-5', 'openai/gpt-5', 'google/gemini', 'opus']) {
    expect(check(DEMO, model)).toEqual([]);
  }
});

test('a model that nobody serves is an error where it is named, with what to do', () => {
  expect(check(ANTHROPIC, 'anthropic/claude-sonnet-4-5')).toEqual([]);
  expect(check(ANTHROPIC, 'openai/gpt-5')).toEqual([
    'opencode.json:4: no upstream serves the model "openai/gpt-5"; this server has anthropic; set OPENAI_API_KEY',
  ]);
  expect(check(OPENAI, 'google/gemini')).toEqual([
    'opencode.json:4: no upstream serves the model "google/gemini"; this server has openai; choose another model',
  ]);
});

test('a harness of one wire needs no prefix', () => {
  expect(check(ANTHROPIC, 'opus', { families: ['anthropic'] })).toEqual([]);
});

test('a harness whose wire nobody speaks is refused with the variable to set', () => {
  const [problem] = check(OPENAI, null, { families: ['anthropic'] });
  expect(problem).toContain('speaks anthropic; this server has openai; set ANTHROPIC_API_KEY');
});

test('[model] default is held to the same', () => {
  const toml = '[model]\n\ndefault = "openai/gpt-5"\n';
  expect(check(ANTHROPIC, null, { toml })).toEqual([expect.stringMatching(/^karta\.toml:3: no/)]);
  expect(check(OPENAI, null, { toml })).toEqual([]);
});

describe('a model that is named with its provider', () => {
  const ROUTER: Upstreams = [
    {
      id: 'openrouter',
      families: ['openai'],
      responses: true,
      endpoint: 'https://openrouter.ai/api/v1',
    },
  ];

  test('needs that very provider', () => {
    expect(check(ROUTER, 'openrouter/anthropic/claude-x')).toEqual([]);
    expect(check(DEMO, 'openrouter/anthropic/claude-x')).toEqual([]);
    expect(check(OPENAI, 'openrouter/anthropic/claude-x')).toEqual([
      'opencode.json:4: no upstream serves the model "openrouter/anthropic/claude-x"; this server has openai; set OPENROUTER_API_KEY',
    ]);
    expect(check(ROUTER, 'openai-compatible/llama')).toEqual([
      expect.stringContaining('set OPENAI_COMPATIBLE_BASE_URL'),
    ]);
    expect(check(ANTHROPIC, 'openai/gpt-5', { families: ['anthropic'] })).toHaveLength(1);
  });

  test('by the name of its wire is served by whoever speaks that', () => {
    expect(check(ROUTER, 'openai/gpt-5')).toEqual([]);
    expect(check(ROUTER, 'anthropic/claude-x')).toHaveLength(1);
  });

  test('stands in where it is there, on the wire of the application', () => {
    const both = [...OPENAI, ...ROUTER];
    const toml = (list: string) => ({ toml: `[model]\nfallback = ${list}\n` });
    const fine = toml('["openrouter/openai/gpt-5", "openai/gpt-5-mini"]');
    expect(check(both, 'openai/gpt-5', fine)).toEqual([]);
    expect(check(both, null, fine)).toEqual([]);
    expect(check(OPENAI, 'openai/gpt-5', fine)).toEqual([
      expect.stringMatching(/^karta\.toml:2: fallback: no upstream serves the model "openrouter/),
    ]);
    expect(check(ROUTER, 'openai/gpt-5', toml('["openai/gpt-5"]'))).toHaveLength(1);
    const other = check([...both, ...ANTHROPIC], 'openai/gpt-5', toml('["anthropic/claude-x"]'));
    expect(other).toEqual([
      'karta.toml:2: fallback: "anthropic/claude-x" speaks the anthropic wire, the application openai: wires are not translated',
    ]);
  });
});
