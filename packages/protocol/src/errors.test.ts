import { describe, expect, it } from 'vitest';
import { ERRORS, type ErrorCode, KartaError, problemOf, TURN_ERRORS } from './errors.ts';

const codes = Object.keys(ERRORS) as ErrorCode[];

describe('the error registry', () => {
  it.each(codes)('%s has a status, a title and a suggestion that are sentences', (code) => {
    const { status, title, suggestion } = ERRORS[code];
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(title).toMatch(/^[A-Z].*[^.]$/);
    expect(suggestion).toMatch(/^[A-Z].*\.$/);
  });

  it('has each status that the surface promises', () => {
    const statuses = new Set(codes.map((code) => ERRORS[code].status));
    for (const status of [400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422, 429, 500, 503]) {
      expect(statuses, String(status)).toContain(status);
    }
  });

  it('has turn errors that say what happened', () => {
    for (const [code, message] of Object.entries(TURN_ERRORS)) {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(message).toMatch(/^[A-Z].*\.$/);
    }
  });
});

describe('problemOf', () => {
  it('is an RFC 9457 document of the code, with what the error adds', () => {
    const error = new KartaError('replay_expired', 'Too old.', { extra: { first_seq: 7 } });
    expect(problemOf(error, 'req_1')).toEqual({
      type: 'urn:karta:error:replay_expired',
      title: ERRORS.replay_expired.title,
      status: 410,
      detail: 'Too old.',
      error: 'replay_expired',
      suggestion: ERRORS.replay_expired.suggestion,
      first_seq: 7,
      request_id: 'req_1',
    });
  });

  it('says the title when there is no detail, and needs no request', () => {
    const problem = problemOf(new KartaError('not_found'));
    expect(problem.detail).toBe(ERRORS.not_found.title);
    expect(problem).not.toHaveProperty('request_id');
  });
});

describe('KartaError', () => {
  it('is recognised across duplicate installs, and nothing else is', () => {
    const error = new KartaError('internal', 'x', { cause: 'why', retryAfter: 3 });
    expect(KartaError.is(error)).toBe(true);
    expect(error.cause).toBe('why');
    expect(error.retryAfter).toBe(3);
    expect(KartaError.is({ [Symbol.for('karta.error')]: true })).toBe(true);
    for (const other of [new Error('x'), { code: 'internal' }, null, undefined, 'internal']) {
      expect(KartaError.is(other)).toBe(false);
    }
  });
});
