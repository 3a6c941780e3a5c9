import { expect, it } from 'vitest';
import { ChannelAdmission, EgressAdmission } from './admission.ts';
import { CHANNEL_EGRESS, EGRESS_BURST, EGRESS_PER_SECOND, ORG_EGRESS } from './limits.ts';

it('one sandbox has so many connections at once, and gets each back once', () => {
  const all = new EgressAdmission();
  const channel = new ChannelAdmission(() => 0);
  const leaves = Array.from({ length: CHANNEL_EGRESS }, () => all.enter('org_1', channel));
  expect(leaves).not.toContain(null);
  expect(all.enter('org_1', channel)).toBeNull();
  leaves[0]?.();
  leaves[0]?.();
  expect(all.enter('org_1', channel)).not.toBeNull();
  expect(all.enter('org_1', channel)).toBeNull();
});

it('new connections come no faster than the allowance fills', () => {
  let now = 0;
  const channel = new ChannelAdmission(() => now);
  const opened = () => {
    let count = 0;
    while (channel.mayOpen()) count += 1;
    return count;
  };
  expect(opened()).toBe(EGRESS_BURST);
  now += 1_000;
  expect(opened()).toBe(EGRESS_PER_SECOND);
  now += 3_600_000;
  expect(opened()).toBe(EGRESS_BURST);
});

it('one org leaves room for the others', () => {
  const all = new EgressAdmission();
  const take = (org: string) => all.enter(org, new ChannelAdmission(() => 0));
  for (let taken = 0; taken < ORG_EGRESS; taken += 1) expect(take('org_1')).not.toBeNull();
  expect(take('org_1')).toBeNull();
  expect(take('org_2')).not.toBeNull();
});
