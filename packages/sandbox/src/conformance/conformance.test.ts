import { afterAll, beforeAll, describe, test } from 'vitest';
import { runCase } from './case.ts';
import { conformanceCases } from './cases/all.ts';
import { limitCases } from './cases/limits.ts';
import { volumeCases } from './cases/volumes.ts';
import { drivers } from './drivers.ts';
import { asOrdinaryUser, MAY_CHANGE_USER, type OrdinaryUser } from './ordinary-user.ts';

describe('conformance of plain processes', () => {
  test.each(conformanceCases.filter((entry) => entry.confinedOnly !== true))('$name', (entry) =>
    runCase(entry, drivers.none),
  );
});

const me = MAY_CHANGE_USER ? 'as root' : 'as an ordinary user';
describe(`conformance of namespaces ${me}`, () => {
  test.each(conformanceCases)('$name', (entry) => runCase(entry, drivers.namespace));
});

describe.skipIf(!MAY_CHANGE_USER)('conformance of watched folders as root', () => {
  const chosen = [...volumeCases, ...limitCases.filter(({ name }) => name.includes('disk'))];
  test.each(chosen)('$name', (entry) => runCase(entry, drivers.folders));
});

// Needs root to become somebody else; without root the suite above is this one.
describe.skipIf(!MAY_CHANGE_USER)('conformance of namespaces as an ordinary user', () => {
  let user: OrdinaryUser;
  beforeAll(() => {
    user = asOrdinaryUser();
  });
  afterAll(() => user.stop());
  test.each(conformanceCases)('$name', (entry) => user.run('conformance', entry.name));
});
