// What Lab's packages expect of a browser at import time and jsdom does not have.
const missing: Record<string, unknown> = {
  DragEvent: class DragEvent extends MouseEvent {},
  ResizeObserver: class ResizeObserver {
    disconnect(): void {}
    observe(): void {}
    unobserve(): void {}
  }
};

for (const [name, value] of Object.entries(missing)) {
  if (!(name in globalThis)) {
    Object.defineProperty(globalThis, name, { configurable: true, value, writable: true });
  }
}
