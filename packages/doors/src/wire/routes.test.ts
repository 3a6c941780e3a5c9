import { describe, expect, it } from 'vitest';
import { routeOf } from './routes.ts';

describe('routes of a channel', () => {
  it.each([
    ['POST', '/anthropic/v1/messages', 'messages', true],
    ['POST', '/anthropic/v1/messages/count_tokens', 'count_tokens', false],
    ['GET', '/anthropic/v1/models', 'models', false],
    ['GET', '/anthropic/v1/models/claude-x-1.5', 'model', false],
    ['POST', '/openai/v1/chat/completions', 'chat', true],
    ['POST', '/openai/v1/responses', 'responses', true],
    ['GET', '/openai/v1/models', 'models', false],
    ['GET', '/openai/v1/models/org/model:7b', 'model', false],
  ])('%s %s is %s', (method, url, name, billed) => {
    expect(routeOf(method, url)).toMatchObject({ name, billed });
  });

  it.each([
    ['GET', '/anthropic/v1/messages'],
    ['POST', '/v1/messages'],
    ['POST', '/anthropic/v1/messages/'],
    ['POST', '/anthropic/v1/messages/batches'],
    ['GET', '/anthropic/v1/files'],
    ['GET', '/openai/v1/responses/resp_1'],
    ['DELETE', '/openai/v1/models/x'],
    ['GET', '/openai/v1/models/../files'],
    ['GET', '/openai/v1/models/a/../../files'],
    ['GET', '/openai/v1/models/%2e%2e/files'],
    ['POST', '/openai/v1/embeddings'],
    ['GET', '/'],
    ['GET', '*'],
  ])('%s %s is unknown', (method, url) => {
    expect(routeOf(method, url)).toBeNull();
  });

  it('passes on known query parameters only', () => {
    expect(routeOf('POST', '/anthropic/v1/messages?beta=true&key=x')?.query).toBe('?beta=true');
    expect(routeOf('POST', '/anthropic/v1/messages?key=x')?.query).toBe('');
  });
});
