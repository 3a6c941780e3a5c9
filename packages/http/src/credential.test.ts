import { describe, expect, it } from 'vitest';
import { credentialOf } from './credential.ts';

describe('credentialOf', () => {
  const of = (headers: Record<string, string>) => credentialOf(new Headers(headers));

  it('reads either header, and both when they agree', () => {
    expect(of({ authorization: 'Bearer k' })).toBe('k');
    expect(of({ authorization: 'bearer  k ' })).toBe('k');
    expect(of({ 'x-api-key': 'k' })).toBe('k');
    expect(of({ authorization: 'Bearer k', 'x-api-key': 'k' })).toBe('k');
  });

  it('finds none in what is neither', () => {
    for (const authorization of ['', 'k', 'Bearer', 'Bearer a b', 'Basic a2V5']) {
      expect(of({ authorization }), authorization).toBeNull();
    }
    expect(of({ 'x-api-key': ' ' })).toBeNull();
    expect(of({ 'x-api-key': 'k'.repeat(9000) })).toBeNull();
  });

  it('refuses two that differ', () => {
    expect(() => of({ authorization: 'Bearer a', 'x-api-key': 'b' })).toThrow(
      expect.objectContaining({ code: 'conflicting_credentials' }),
    );
  });
});
