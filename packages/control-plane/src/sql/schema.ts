import type { IdentityTables } from '../identity/tables.ts';

/** The tables of the control plane, each described in the folder that it belongs to. */
export interface ControlTables extends IdentityTables {}
