import { describe, expect, it } from 'vitest';
import { type Refusal, refuse } from './errors.ts';

const all: Refusal[] = [
  'invalid_request',
  'unauthenticated',
  'budget_exhausted',
  'forbidden',
  'not_found',
  'too_large',
  'rate_limited',
  'internal',
  'bad_gateway',
  'overloaded',
];

describe('refusals in the provider envelope', () => {
  it.each(all)('%s has the message and the shape of each family', (refusal) => {
    const anthropic = JSON.parse(refuse('anthropic', refusal, 'why').body);
    expect(anthropic).toMatchObject({ type: 'error', error: { message: 'why' } });
    const openai = JSON.parse(refuse('openai', refusal, 'why').body);
    expect(openai).toMatchObject({ error: { message: 'why', param: null } });
  });

  it('a refused key of OpenAI is of the type that harnesses do not retry', () => {
    const answer = refuse('openai', 'unauthenticated', 'no');
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.body).error).toMatchObject({
      type: 'invalid_request_error',
      code: 'invalid_api_key',
    });
  });

  it('final refusals tell clients not to retry, rate limits tell them when', () => {
    expect(refuse('anthropic', 'unauthenticated', '').headers['x-should-retry']).toBe('false');
    expect(refuse('anthropic', 'rate_limited', '').headers).toMatchObject({ 'retry-after': '1' });
    expect(refuse('anthropic', 'overloaded', '').headers['x-should-retry']).toBeUndefined();
  });

  it('overload has the status of each provider', () => {
    expect(refuse('anthropic', 'overloaded', '').status).toBe(529);
    expect(refuse('openai', 'overloaded', '').status).toBe(503);
  });
});
