// Finding a model in the list.
import type { ModelInfo } from '../protocol/types';

/** Models that match all words, those that can be used first. */
export function searchModels(models: readonly ModelInfo[], query: string): ModelInfo[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = models.filter(model => {
    const text = `${model.id} ${model.label} ${model.provider}`.toLowerCase();
    return words.every(word => text.includes(word));
  });
  return [...found.filter(model => model.available), ...found.filter(model => !model.available)];
}

/** Whether a search text could itself be the name of a model the list does not have. */
export function isModelId(query: string, models: readonly ModelInfo[]): boolean {
  const id = query.trim();
  return /^[^\s/]+\/\S+$/.test(id) && !models.some(model => model.id === id);
}

/** The scripted model that needs no key. */
export function isDemo(model: string | null | undefined): boolean {
  return model === 'demo' || (model?.startsWith('demo/') ?? false);
}

/** Whether a real model can be used. */
export function hasModel(models: readonly ModelInfo[]): boolean {
  return models.some(model => model.available && !isDemo(model.id));
}
