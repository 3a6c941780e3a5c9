import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTestChannel, scripted } from '../testing/open-channel.ts';
import { type StartedDoors, startDoors } from '../testing/start-doors.ts';

let doors: StartedDoors;
beforeAll(async () => {
  // A provider that nobody reaches: whatever answers is not it.
  doors = await startDoors({
    upstreams: [{ id: 'anthropic', base_url: 'http://127.0.0.1:9', api_key: 'sk-test' }],
  });
});
afterAll(() => doors.stop());

const call = {
  model: 'm',
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: scripted({ text: 'from the demo model' }) }],
};

it('the demo model answers a test session, whatever providers there are', async () => {
  const demo = await openTestChannel(doors, 'live', true);
  const claimed = await openTestChannel(doors, 'parked');
  await doors.management.claim(claimed.id, 'sess_2', true);
  for (const channel of [demo, claimed]) {
    const answer = await channel.anthropic.messages.create(call);
    expect(JSON.stringify(answer.content)).toContain('from the demo model');
    await channel.close();
  }
});

it('and no other', async () => {
  const live = await openTestChannel(doors);
  await expect(live.anthropic.messages.create(call)).rejects.toMatchObject({ status: 502 });
  await live.close();
});
