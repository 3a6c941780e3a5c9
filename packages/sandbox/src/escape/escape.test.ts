import { afterAll, beforeAll, describe, test } from 'vitest';
import { runCase } from '../conformance/case.ts';
import { drivers } from '../conformance/drivers.ts';
import {
  asOrdinaryUser,
  MAY_CHANGE_USER,
  type OrdinaryUser,
} from '../conformance/ordinary-user.ts';
import { escapeCases } from './cases/all.ts';
import { plantedCases } from './cases/planted.ts';
import { privilegeCases } from './cases/privileges.ts';
import { secretCases } from './cases/secrets.ts';

const me = MAY_CHANGE_USER ? 'as root' : 'as an ordinary user';
describe(`escape from namespaces ${me}`, () => {
  test.each(escapeCases)('$name', (entry) => runCase(entry, drivers.namespace));
});

describe('escape from namespaces that reach a host', () => {
  const chosen = [...privilegeCases, ...secretCases, ...plantedCases];
  test.each(chosen)('$name', (entry) => runCase(entry, drivers.hosts));
});

// Needs root to become somebody else; without root the suite above is this one.
describe.skipIf(!MAY_CHANGE_USER)('escape from namespaces as an ordinary user', () => {
  let user: OrdinaryUser;
  beforeAll(() => {
    user = asOrdinaryUser();
  });
  afterAll(() => user.stop());
  test.each(escapeCases)('$name', (entry) => user.run('escape', entry.name));
});
