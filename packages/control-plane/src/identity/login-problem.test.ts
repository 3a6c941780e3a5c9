import { expect, it } from 'vitest';
import { loginProblem } from './login-problem.ts';

const problemOf = (status: number, body: unknown) => loginProblem(Response.json(body, { status }));

it('tells which fields are wrong, as every other refusal does', async () => {
  const message =
    '[body.email] Invalid email address; [body.password] Invalid input: expected string, received undefined';
  const problem = await problemOf(400, { code: 'VALIDATION_ERROR', message });
  expect(problem).toMatchObject({
    code: 'validation_failed',
    message: '/email: Invalid email address; /password: is required',
  });
  expect(problem.extra).toEqual({
    reason: 'validation_error',
    errors: [
      { pointer: '/email', message: 'Invalid email address' },
      { pointer: '/password', message: 'is required' },
    ],
  });
});

it('tells what is wrong with the whole', async () => {
  const problem = await problemOf(400, {
    error: 'authorization_pending',
    error_description: 'Authorization pending',
  });
  expect(problem).toMatchObject({ code: 'validation_failed', message: 'Authorization pending' });
  expect(problem.extra).toEqual({
    reason: 'authorization_pending',
    errors: [{ pointer: '', message: 'Authorization pending' }],
  });
});

it('lists no fields where none are wrong', async () => {
  const problem = await problemOf(401, { code: 'INVALID_PASSWORD', message: 'Invalid password' });
  expect(problem).toMatchObject({ code: 'sign_in_failed', message: 'Invalid password' });
  expect(problem.extra).toEqual({ reason: 'invalid_password' });
});
