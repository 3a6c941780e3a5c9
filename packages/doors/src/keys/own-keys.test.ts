import { KartaError, type ProviderKeyAnswer } from '@karta/protocol';
import { expect, it } from 'vitest';
import { OwnKeys } from './own-keys.ts';

const answerOf = (id: string): ProviderKeyAnswer => ({
  id,
  provider: 'anthropic',
  secret: { api_key: `secret of ${id}` },
});

/** Keys over a control plane whose answers a test gives, and a clock that it turns. */
function keysOver(answer: () => Promise<ProviderKeyAnswer | null>) {
  let now = 0;
  let asked = 0;
  const keys = new OwnKeys(
    {
      providerKey: () => {
        asked += 1;
        return answer();
      },
    },
    () => now,
  );
  const pass = (ms: number) => {
    now += ms;
  };
  return { keys, pass, asked: () => asked };
}
const of = (keys: OwnKeys, orgId = 'org_1') => keys.of(orgId, 'anthropic', 'grant');

it('are fetched once a minute, for all calls that need one at once', async () => {
  const { keys, pass, asked } = keysOver(async () => answerOf('pkey_1'));
  const [one, two] = await Promise.all([of(keys), of(keys)]);
  expect(one).toBe(two);
  expect(one?.parts.part('api_key')).toBe('secret of pkey_1');
  pass(59_000);
  await of(keys);
  expect(asked()).toBe(1);
  await of(keys, 'org_2');
  expect(asked()).toBe(2);
  pass(1_000);
  await of(keys);
  expect(asked()).toBe(3);
});

it('that do not exist are asked for again after seconds', async () => {
  const { keys, pass, asked } = keysOver(async () => null);
  expect(await of(keys)).toBeNull();
  pass(4_000);
  await of(keys);
  expect(asked()).toBe(1);
  pass(1_000);
  await of(keys);
  expect(asked()).toBe(2);
});

it('are gone from memory once they are forgotten, also those on their way', async () => {
  const answers: ((key: ProviderKeyAnswer) => void)[] = [];
  const { keys, asked } = keysOver(() => new Promise((resolve) => answers.push(resolve)));
  const early = of(keys);
  keys.forget(['org_2']);
  keys.forget(['org_1']);
  const late = of(keys);
  answers[1]?.(answerOf('pkey_new'));
  expect((await late)?.ownId).toBe('pkey_new');
  answers[0]?.(answerOf('pkey_old'));
  await early;
  expect((await of(keys))?.ownId).toBe('pkey_new');
  expect(asked()).toBe(2);
  keys.forget(['org_1']);
  void of(keys);
  expect(asked()).toBe(3);
});

it('that are too old are never used, not even while the control plane is away', async () => {
  let away = false;
  const { keys, pass } = keysOver(() =>
    away ? Promise.reject(new KartaError('control_unavailable')) : Promise.resolve(answerOf('p')),
  );
  await of(keys);
  away = true;
  expect(await of(keys)).not.toBeNull();
  pass(60_000);
  keys.sweep();
  await expect(of(keys)).rejects.toMatchObject({ code: 'control_unavailable' });
  await expect(of(keys)).rejects.toMatchObject({ code: 'control_unavailable' });
});
