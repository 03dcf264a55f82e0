// Finding a model in the list.
import type { ModelInfo } from '../protocol/types';

/** Models that match all words, those that can be used first; without words, those alone. */
export function searchModels(models: readonly ModelInfo[], query: string): ModelInfo[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0 && models.some(model => model.available)) {
    return models.filter(model => model.available);
  }
  const found = models.filter(model => {
    const text = `${model.id} ${model.label}`.toLowerCase();
    return words.every(word => text.includes(word));
  });
  return [...found.filter(model => model.available), ...found.filter(model => !model.available)];
}

/** The first so many, and the chosen one in any case. */
export function shownModels(
  found: readonly ModelInfo[],
  chosen: ModelInfo | undefined,
  limit: number
): ModelInfo[] {
  const first = found.slice(0, limit);
  return !chosen || first.includes(chosen) ? first : [...first, chosen];
}

/** Whether a search text could itself be the name of a model the list does not have. */
export function isModelId(query: string, models: readonly ModelInfo[]): boolean {
  const id = query.trim();
  const named = id.includes('://') ? /^https?:\/\/\S+#\S+$/ : /^[^\s/]+\/\S+$/;
  return named.test(id) && !models.some(model => model.id.toLowerCase() === id.toLowerCase());
}
