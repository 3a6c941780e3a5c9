import { expect, it } from 'vitest';
import { createInvitationBody, orgSlug } from './identity.ts';

it.each(['', '-a', 'a-', 'a--b', 'Ünï', 'UPPER', 'a_b', 'a.b', 'x'.repeat(41)])(
  'is no slug: %j',
  (slug) => {
    expect(orgSlug.safeParse(slug).success).toBe(false);
  },
);

it.each(['a', 'a-b', '0', 'x'.repeat(40)])('is a slug: %j', (slug) => {
  expect(orgSlug.parse(slug)).toBe(slug);
});

it('invites an address whatever its case', () => {
  const body = createInvitationBody.parse({ email: 'Ada@Example.com', role: 'viewer' });
  expect(body.email).toBe('ada@example.com');
});
