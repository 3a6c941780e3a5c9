import { expect, test } from 'vitest';
import { CliError } from './cli-error.ts';
import { EXIT } from './exit-codes.ts';

test('an error carries its exit code and the next step', () => {
  const error = new CliError('busy', 'Port 8000 is in use', 'Choose another.', {
    details: ['by pid 7'],
    cause: new Error('EADDRINUSE'),
  });
  expect(error).toMatchObject({
    exitCode: EXIT.busy.code,
    next: 'Choose another.',
    details: ['by pid 7'],
    cause: { message: 'EADDRINUSE' },
  });
});

test('a sentence that has its end already does not get another', () => {
  expect(new CliError('refused', 'It is gone.', 'Ask.').message).toBe('It is gone');
});

test('no two exit codes are the same', () => {
  const codes = Object.values(EXIT).map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
});
