import { KartaError, type OrgSpendRules } from '@karta/protocol';
import { expect, it } from 'vitest';
import { OrgRules } from './org-rules.ts';

const RULES: OrgSpendRules = {
  capped: false,
  unknown_model: 'count',
  own_keys: ['anthropic'],
  platform_fallback: false,
  price_version: '1',
};

/** Rules over a control plane whose answers a test gives, and a clock that it turns. */
function rulesOver(answer: (orgId: string, grant: string) => Promise<OrgSpendRules | null>) {
  let now = 0;
  const asked: string[] = [];
  const rules = new OrgRules(
    {
      rules: (orgId, grant) => {
        asked.push(`${orgId} ${grant}`);
        return answer(orgId, grant);
      },
    },
    { staleMs: 5 * 60_000, now: () => now },
  );
  const pass = (ms: number) => {
    now += ms;
  };
  return { rules, asked, pass };
}
const away = () => Promise.reject(new KartaError('control_unavailable'));

it('are asked for once in a while, however many calls need them at once', async () => {
  const { rules, asked, pass } = rulesOver(async () => RULES);
  await Promise.all([rules.of('org_1', 'g'), rules.of('org_1', 'g')]);
  pass(4_999);
  expect(await rules.of('org_1', 'g')).toEqual(RULES);
  expect(asked).toEqual(['org_1 g']);
  pass(5_002);
  await rules.of('org_1', 'g');
  expect(asked).toHaveLength(2);
});

it('count ten seconds after a change of which the push was lost, at the latest', async () => {
  let capped = false;
  const { rules, pass } = rulesOver(async () => ({ ...RULES, capped }));
  expect((await rules.of('org_1', 'g'))?.capped).toBe(false);
  capped = true;
  pass(10_000);
  expect((await rules.of('org_1', 'g'))?.capped).toBe(true);
});

it('are asked for ahead, so that calls in a row never wait for them', async () => {
  const answers: ((rules: OrgSpendRules) => void)[] = [];
  const { rules, asked, pass } = rulesOver(() => new Promise((resolve) => answers.push(resolve)));
  const first = rules.of('org_1', 'g');
  answers[0]?.(RULES);
  await first;
  pass(5_000);
  expect(await rules.of('org_1', 'g')).toEqual(RULES);
  expect(await rules.of('org_1', 'g')).toEqual(RULES);
  expect(asked).toHaveLength(2);
  answers[1]?.({ ...RULES, capped: true });
  await expect.poll(async () => (await rules.of('org_1', 'g'))?.capped).toBe(true);
});

it('are not waited for by each call while the control plane is away', async () => {
  let reachable = true;
  const { rules, asked, pass } = rulesOver(() => (reachable ? Promise.resolve(RULES) : away()));
  await rules.of('org_1', 'g');
  reachable = false;
  pass(60_000);
  expect(await rules.of('org_1', 'g')).toEqual(RULES);
  expect(asked).toHaveLength(2);
  reachable = true;
  pass(5_000);
  expect(await rules.of('org_1', 'g')).toEqual(RULES);
  expect(asked).toHaveLength(3);
});

it('are asked for anew once they are forgotten, also while a question is open', async () => {
  const answers: ((rules: OrgSpendRules) => void)[] = [];
  const { rules, asked } = rulesOver(() => new Promise((resolve) => answers.push(resolve)));
  const early = rules.of('org_1', 'g');
  rules.forget(['org_1']);
  const late = rules.of('org_1', 'g');
  answers[1]?.({ ...RULES, capped: true });
  expect((await late)?.capped).toBe(true);
  answers[0]?.(RULES);
  await early;
  expect((await rules.of('org_1', 'g'))?.capped).toBe(true);
  expect(asked).toHaveLength(2);
});

it('hold for five minutes while the control plane is away, and no longer', async () => {
  let reachable = true;
  const { rules, pass } = rulesOver(() => (reachable ? Promise.resolve(RULES) : away()));
  await rules.of('org_1', 'g');
  reachable = false;
  pass(4 * 60_000);
  expect(await rules.of('org_1', 'g')).toEqual(RULES);
  pass(2 * 60_000);
  await expect(rules.of('org_1', 'g')).rejects.toMatchObject({ code: 'control_unavailable' });
  await expect(rules.of('org_2', 'g')).rejects.toMatchObject({ code: 'control_unavailable' });
});

it('that one grant does not open are asked for by another at once, and not from before', async () => {
  const { rules, asked } = rulesOver(async (_org, grant) => (grant === 'good' ? RULES : null));
  expect(await rules.of('org_1', 'bad')).toBeNull();
  expect(await rules.of('org_1', 'bad')).toBeNull();
  expect(asked).toHaveLength(1);
  expect(await rules.of('org_1', 'good')).toEqual(RULES);
});
