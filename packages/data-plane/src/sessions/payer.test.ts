import { newId } from '@karta/protocol';
import { expect, it } from 'vitest';
import { payerOf } from './payer.ts';
import { apiKey, PROJECT, sessionToken } from './testing/test-engine.ts';

it('is the key that was used or that minted the token, and the end user', () => {
  expect(payerOf(apiKey('org_a', PROJECT).principal, null)).toEqual({
    api_key_id: 'key_org_a',
    embed_key_id: null,
    end_user: null,
  });
  expect(payerOf(sessionToken('tok_1', 'eve').principal, null)).toEqual({
    api_key_id: 'key_org_a',
    embed_key_id: null,
    end_user: 'eve',
  });
  const mintedBy = newId('embed_key');
  expect(payerOf(sessionToken('tok_2', 'anon', { mintedBy }).principal, null)).toEqual({
    api_key_id: null,
    embed_key_id: mintedBy,
    end_user: 'anon',
  });
  const staff = { ...apiKey('org_a', null).principal, kind: 'staff', id: 'usr_1' } as const;
  expect(payerOf(staff, null).api_key_id).toBeNull();
});
