// Pictures a person adds to a prompt.
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ImagePart } from '../protocol/types';

export const ACCEPTED_IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
// Bytes; providers refuse larger ones.
const LARGEST = 5 * 1024 * 1024;
// Characters of base64: the pictures of a prompt travel in one frame, and the server takes no larger
// one than 20 MB.
const LARGEST_TOGETHER = 14_000_000;

export function isImage(file: File): boolean {
  return ACCEPTED_IMAGES.includes(file.type);
}

/** Whether pictures are what was copied: table cells are copied as a text with a picture of it. */
export function pastesImages(clipboard: DataTransfer): boolean {
  const files = [...clipboard.files];
  const text = clipboard.getData('text/plain').trim();
  // Files that were copied come with their names.
  const names = text.split(/\s*\n\s*/).every(line => files.some(file => file.name === line));
  return files.some(isImage) && (text === '' || names);
}

/** Read the pictures among some files, to go with those that are added already. */
export async function readImages(
  files: Iterable<File>,
  added: readonly ImagePart[],
  trans: TranslationBundle
): Promise<ImagePart[]> {
  const pictures = [...files].filter(isImage);
  const large = pictures.find(file => file.size > LARGEST);
  if (large) {
    throw new Error(trans.__('%1 is larger than 5 MB.', large.name));
  }
  const together =
    added.reduce((sum, { data }) => sum + (data?.length ?? 0), 0) +
    pictures.reduce((sum, { size }) => sum + 4 * Math.ceil(size / 3), 0);
  if (together > LARGEST_TOGETHER) {
    throw new Error(trans.__('The pictures of one prompt may not be larger than 10 MB together.'));
  }
  return Promise.all(pictures.map(file => readImage(file, trans)));
}

function readImage(file: File, trans: TranslationBundle): Promise<ImagePart> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onerror = () => reject(new Error(trans.__('%1 cannot be read.', file.name)));
    reader.onload = () => {
      const data = String(reader.result).split(',', 2)[1] ?? '';
      resolve({ type: 'image', media_type: file.type, data });
    };
    reader.readAsDataURL(file);
  });
}
