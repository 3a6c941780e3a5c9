import { expect, test } from 'vitest';
import { childEnvironment } from './child-environment.ts';

test('a child inherits what it needs and no secret', () => {
  const env = {
    PATH: '/bin',
    HOME: '/root',
    TZ: 'UTC',
    NODE_COMPILE_CACHE: '/root/.cache/karta/compiled',
    ANTHROPIC_API_KEY: 'secret',
    AWS_SECRET_ACCESS_KEY: 'secret',
    NODE_OPTIONS: '--inspect',
    NODE_CHANNEL_FD: '3',
  };
  expect(childEnvironment(env)).toEqual({
    PATH: '/bin',
    HOME: '/root',
    TZ: 'UTC',
    NODE_COMPILE_CACHE: '/root/.cache/karta/compiled',
  });
});
