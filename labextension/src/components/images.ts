// Pictures a person adds to a prompt.
import type { ImagePart } from '../protocol/types';

export const ACCEPTED_IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
// Bytes; providers refuse larger ones.
const LARGEST = 5 * 1024 * 1024;

/** Whether some of the files can be added. */
export function hasImages(files: Iterable<File>): boolean {
  return [...files].some(file => ACCEPTED_IMAGES.includes(file.type));
}

/** Read the pictures among some files. */
export async function readImages(files: Iterable<File>): Promise<ImagePart[]> {
  const pictures = [...files].filter(file => ACCEPTED_IMAGES.includes(file.type));
  const large = pictures.find(file => file.size > LARGEST);
  if (large) {
    throw new Error(`${large.name} is larger than 5 MB.`);
  }
  return Promise.all(pictures.map(readImage));
}

function readImage(file: File): Promise<ImagePart> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onerror = () => reject(new Error(`${file.name} cannot be read.`));
    reader.onload = () => {
      const data = String(reader.result).split(',', 2)[1] ?? '';
      resolve({ type: 'image', media_type: file.type, data });
    };
    reader.readAsDataURL(file);
  });
}
