import type { Case } from '../../conformance/case.ts';

/** Attacks from inside, each with a control that shows the attack itself works. */
export const escapeCases: Case[] = [];
