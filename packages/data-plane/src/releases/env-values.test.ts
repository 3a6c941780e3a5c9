import { expect, test } from 'vitest';
import { exposedSecrets, releaseEnv } from './env-values.ts';
import { readKartaToml } from './karta-toml.ts';
import { problemText } from './problem.ts';
import { appOf } from './testing/layout-harness.ts';

const TOML = `[env]
SHOP = {required = true, description = "which shop"}
TONE = {}
HIDDEN = {secret = true}
SHOWN = {secret = true, expose = true}
`;

function values(environment: Record<string, string>) {
  const app = appOf({ 'karta.toml': TOML });
  const { toml } = readKartaToml(app);
  const { env, problems } = releaseEnv(app, toml, environment);
  return { env, problems: problems.map(problemText), secrets: exposedSecrets(toml, environment) };
}

test('values that are no secret belong to the release; only exposed secrets enter a sandbox', () => {
  const all = { SHOP: 's', TONE: 't', HIDDEN: 'h', SHOWN: 'x', PATH: '/bin' };
  expect(values(all)).toEqual({
    env: { SHOP: 's', TONE: 't' },
    problems: ['karta.toml:5: SHOWN is a secret that the agent will be able to read'],
    secrets: { SHOWN: 'x' },
  });
});

test('a required variable without a value refuses the publish, at its line', () => {
  const { problems } = values({ TONE: 't' });
  expect(problems[0]).toBe('karta.toml:2: SHOP (which shop) is required; set it and retry');
});
