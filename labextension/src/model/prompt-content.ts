// What a prompt consists of, whether it is being written, waits, or was said.
import type { ImagePart, Mention, Message } from '../protocol/types';

export interface PromptContent {
  readonly text: string;
  readonly mentions: readonly Mention[];
  readonly images: readonly ImagePart[];
}

/** What a person said in a message, to be written on. */
export function contentOf({ parts }: Message): PromptContent {
  return {
    text: parts.map(part => (part.type === 'text' ? part.text : '')).join(''),
    mentions: parts.flatMap(part => (part.type === 'mention' ? [part.mention] : [])),
    images: parts.flatMap(part => (part.type === 'image' ? [part] : []))
  };
}
