import { ApiError } from '@karta/sdk';
import { expect, test } from 'vitest';
import { CliError } from '../cli-error.ts';
import { asCliError } from './server-failure.ts';

function refused(detail: string, extra: object = {}): CliError {
  const problem = {
    type: 'urn:karta:error:validation_failed',
    title: 'The request is not valid',
    status: 422,
    detail,
    error: 'validation_failed',
    suggestion: 'Correct the fields listed in "errors".',
    ...extra,
  } as ConstructorParameters<typeof ApiError>[0];
  const error = asCliError(new ApiError(problem, 'req_1', null));
  if (!(error instanceof CliError)) throw new Error('no refusal');
  return error;
}

test('what a server says is one sentence, also where the server ended it', () => {
  expect(refused('There is no such project.').message).toBe('There is no such project');
  expect(refused('/to: must be "v" and a number').message).toBe('/to: must be "v" and a number');
});

test('several faults are listed, one is told by the sentence', () => {
  const one = { pointer: '/name', message: 'is required' };
  const other = { pointer: '', parameter: 'limit', message: 'is given twice' };
  expect(refused('a', { errors: [one, other] }).details).toEqual([
    '/name: is required',
    'limit: is given twice',
    'request req_1',
  ]);
  expect(refused('/name: is required', { errors: [one] }).details).toEqual(['request req_1']);
});
