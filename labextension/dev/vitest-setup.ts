// What Lab's packages expect of a browser at import time and jsdom does not have.
const missing: Record<string, unknown> = {
  DragEvent: class DragEvent extends MouseEvent {},
  IntersectionObserver: class IntersectionObserver {
    disconnect(): void {}
    observe(): void {}
    unobserve(): void {}
  },
  ResizeObserver: class ResizeObserver {
    disconnect(): void {}
    observe(): void {}
    unobserve(): void {}
  },
  matchMedia: (media: string) => ({
    addEventListener: () => undefined,
    addListener: () => undefined,
    matches: false,
    media,
    removeEventListener: () => undefined,
    removeListener: () => undefined
  })
};

for (const [name, value] of Object.entries(missing)) {
  if (Reflect.get(globalThis, name) === undefined) {
    Object.defineProperty(globalThis, name, { configurable: true, value, writable: true });
  }
}
