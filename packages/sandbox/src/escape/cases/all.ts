import type { Case } from '../../conformance/case.ts';
import { exhaustionCases } from './exhaustion.ts';
import { networkCases } from './network.ts';
import { plantedCases } from './planted.ts';
import { privilegeCases } from './privileges.ts';
import { secretCases } from './secrets.ts';

/** Attacks from inside, each with a control in the same run that shows the attack itself works. */
export const escapeCases: Case[] = [
  ...secretCases,
  ...networkCases,
  ...privilegeCases,
  ...plantedCases,
  ...exhaustionCases,
];
