import { expect, test } from 'vitest';
import { exposedSecrets, releaseEnv, valuesOf } from './env-values.ts';
import { readKartaToml } from './karta-toml.ts';
import { problemText } from './problem.ts';
import { appOf } from './testing/layout-harness.ts';

const TOML = `[env]
SHOP = {required = true, description = "which shop"}
TONE = {}
HIDDEN = {secret = true}
SHOWN = {secret = true, expose = true}
`;

function values(environment: Record<string, string>, text = TOML) {
  const app = appOf({ 'karta.toml': text });
  const { toml } = readKartaToml(app);
  const { env, problems } = releaseEnv(app, toml, environment);
  return {
    env,
    problems: problems.map(problemText),
    secrets: valuesOf(exposedSecrets(toml), environment),
  };
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
  expect(problems[0]).toMatch(
    /^karta\.toml:2: SHOP \(which shop\) is required; set it by karta env set, /,
  );
});

test.each(['ANTHROPIC_API_KEY', 'KARTA_HOME', 'LD_PRELOAD', 'PATH', 'OPENCODE_CONFIG_CONTENT'])(
  '%s is refused, and would not be found if it were not',
  (name) => {
    const read = values({ [name]: 'v' }, `[env]\n${name} = {secret = true, expose = true}\n`);
    expect(read.problems).toEqual([expect.stringMatching(/^karta\.toml:2: .* enters no sandbox/)]);
    expect(read.env).toEqual({});
    expect(read.secrets).toEqual({});
  },
);
