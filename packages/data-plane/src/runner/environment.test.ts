import { expect, test } from 'vitest';
import { newSession, runnerGround, runTurnOn, scripted } from './testing/runner-ground.ts';
import { HARNESS } from './testing/runner-harness.ts';

test('only exposed secrets and nothing of the platform is in the environment inside', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({
    'karta.toml': '[env]\nSHOP_TOKEN = {secret = true, expose = true}\nHIDDEN = {secret = true}\n',
  });
  const environment = {
    SHOP_TOKEN: 'shown-to-the-agent',
    HIDDEN: 'never-shown',
    UNASKED: 'never-asked-for',
    ANTHROPIC_API_KEY: 'sk-platform',
  };
  const runner = await ground.runner([release], { environment });
  const harness = await runner.attach(newSession(release), () => undefined);
  const look = HARNESS.shell('env');
  const { events } = await runTurnOn(harness, scripted({ tools: [look] }, { text: 'seen' }));
  const result = events.find((event) => event.type === 'tool_result');
  const output = result?.type === 'tool_result' ? result.output : '';
  expect(output).toContain('SHOP_TOKEN=shown-to-the-agent');
  for (const secret of ['never-shown', 'never-asked-for', 'sk-platform']) {
    expect(output).not.toContain(secret);
  }
  expect(output).not.toContain(ground.doors.managementToken);
});
