import type { ModelPrice } from '@karta/protocol';
import type { ColumnType, Selectable } from 'kysely';

/** Tables of prices. */
export interface PriceTables {
  price_overrides: PriceOverrideTable;
}

export interface PriceOverrideTable {
  seq: number;
  provider: string;
  model: string;
  effective_from: Date;
  price: ColumnType<ModelPrice, string, never>;
  made_by: string;
  created_at: Date;
}
export type PriceOverrideRow = Selectable<PriceOverrideTable>;
