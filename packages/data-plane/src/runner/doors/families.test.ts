import type { KeyProvider } from '@karta/protocol';
import { expect, it } from 'vitest';
import { offered, type Served } from './families.ts';

const CLAUDE: Served = { families: ['anthropic'], chatProvider: null };
const CHAT: Served = { families: ['openai'], chatProvider: 'openai-compatible' };

it.each<[Served, KeyProvider[], Served]>([
  [CLAUDE, [], CLAUDE],
  [CLAUDE, ['bedrock'], CLAUDE],
  [CLAUDE, ['openai'], { families: ['anthropic', 'openai'], chatProvider: null }],
  [
    CLAUDE,
    ['openai-compatible'],
    { families: ['anthropic', 'openai'], chatProvider: 'openai-compatible' },
  ],
  [
    CLAUDE,
    ['openai-compatible', 'openrouter'],
    { families: ['anthropic', 'openai'], chatProvider: null },
  ],
  [CHAT, ['vertex'], { families: ['openai', 'anthropic'], chatProvider: 'openai-compatible' }],
  [CHAT, ['openai'], CHAT],
])('of %j, with own keys of %j, a sandbox is offered %j', (served, own, expected) => {
  expect(offered(served, own)).toEqual(expected);
});
